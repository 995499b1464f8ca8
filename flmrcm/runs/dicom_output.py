"""A reconstructed volume as a derived DICOM series: pixels, geometry, and what made them.

Nothing of a scan's header is copied. Only `_write_common` and what it calls put fields into a file,
each with a value of this package's own; so no name, date or number of a patient can come along.
"""

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from flmrcm.files import write_atomically
from flmrcm.runs.reconstructed_volume import Images, ReconstructedVolume

WARNING = "DERIVED by a neural network: NOT FOR DIAGNOSIS"
"""Stands in every file, where viewers show it."""

_LEVELS = 2**16 - 1
_LETTERS = 1024
"""What DICOM has room for in a short text."""

_TO_LPS = np.array([-1.0, -1.0, 1.0])
"""In DICOM x points to the left and y to the back; in our affines to the right and front."""


def write_dicom(volume: ReconstructedVolume, base: Path) -> list[Path]:
    """Write `<base>_dicom/000.dcm` and so on, 16 bits, one scale for all slices.

    A pixel's value times RescaleSlope plus RescaleIntercept is the magnitude, to 1/65535 of the
    volume's range. UIDs are new, and the same for the same image by the same checkpoint. A volume
    whose voxel size and orientation are known is of the class MR Image; others are Secondary
    Capture, which claims no geometry.
    """
    key = _hash(volume)
    low, high = float(volume.image.min()), float(volume.image.max())
    slope, paths = (high - low) / _LEVELS or 1.0, list[Path]()
    for index, image in enumerate(volume.image):
        dataset = _write_common(volume, key, index)
        if volume.affine is None or volume.provenance.voxel_mm is None:
            _claim_class(dataset, SecondaryCaptureImageStorage)
            dataset.ConversionType = "WSD"  # made at a workstation
        else:
            _claim_class(dataset, MRImageStorage)
            _write_geometry(dataset, volume.affine, volume.provenance.voxel_mm, index)
        _write_pixels(dataset, image, low, slope)
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        paths.append(base.with_name(f"{base.name}_dicom") / f"{index:03}.dcm")
        write_atomically(paths[-1], buffer.getbuffer())
    return paths


def _hash(volume: ReconstructedVolume) -> str:
    """Return what UIDs follow from: the image, and what made it."""
    digest = sha256(np.ascontiguousarray(volume.image).tobytes())
    digest.update(repr(sorted(volume.made.items())).encode())
    return digest.hexdigest()


def _make_uid(key: str, *words: object) -> UID:
    return generate_uid(entropy_srcs=[key, *map(str, words)])


def _write_common(volume: ReconstructedVolume, key: str, index: int) -> Dataset:
    """Return the fields that both classes of file have."""
    dataset, made = Dataset(), volume.made
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPInstanceUID = _make_uid(key, "image", index)
    dataset.StudyInstanceUID = _make_uid(key, "study")
    dataset.SeriesInstanceUID = _make_uid(key, "series")
    dataset.FrameOfReferenceUID = _make_uid(key, "frame")
    # what DICOM wants to be there, if only empty
    for name in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
        "AccessionNumber", "ReferringPhysicianName", "StudyID", "PositionReferenceIndicator",
        "PatientPosition", "Laterality",
    ):  # fmt: skip
        setattr(dataset, name, "")
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "MR", 1, index + 1
    dataset.Manufacturer = dataset.ManufacturerModelName = "flmrcm"
    dataset.SoftwareVersions = str(made.get("made_by", ""))
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    dataset.ContentQualification = "RESEARCH"
    dataset.SeriesDescription = dataset.ImageComments = WARNING
    dataset.DerivationDescription = _describe(volume)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "only pixels and geometry are taken over"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    return dataset


def _describe(volume: ReconstructedVolume) -> str:
    """Return what made the image, in one text."""
    names = ("network", "checkpoint_sha256", "mask", "acceleration")
    parts = [f"{name} {volume.made[name]}" for name in names if name in volume.made]
    return "; ".join([WARNING, *parts])[:_LETTERS]


def _claim_class(dataset: Dataset, kind: UID) -> None:
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = kind
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _write_geometry(
    dataset: Dataset,
    affine: NDArray[np.floating],
    voxel_mm: tuple[float, float, float],
    index: int,
) -> None:
    """Write where a slice lies, and what an MR image has to say of its sequence: nothing."""
    along = affine[:3, [2, 1]]  # a row runs along the columns
    directions = along / np.linalg.norm(along, axis=0)
    place = _TO_LPS * (affine @ [index, 0, 0, 1])[:3]
    # 12 decimals: a decimal string of DICOM has 16 letters; + 0.0: no minus before a zero
    cosines = (_TO_LPS[:, None] * directions).T.ravel().round(12) + 0.0
    dataset.ImageOrientationPatient = [float(x) for x in cosines]
    dataset.ImagePositionPatient = [round(float(x), 6) + 0.0 for x in place]
    through, down, right = (round(float(mm), 6) for mm in voxel_mm)
    dataset.PixelSpacing = [down, right]
    dataset.SliceThickness = dataset.SpacingBetweenSlices = through
    dataset.ScanningSequence, dataset.SequenceVariant = "RM", "NONE"  # research mode
    for name in ("ScanOptions", "MRAcquisitionType"):
        setattr(dataset, name, "")
    dataset.RepetitionTime = dataset.EchoTime = dataset.EchoTrainLength = None


def _write_pixels(dataset: Dataset, image: Images, low: float, slope: float) -> None:
    levels = np.clip(np.rint((image.astype(np.float64) - low) / slope), 0, _LEVELS)
    pixels = levels.astype(np.uint16)
    dataset.set_pixel_data(pixels, "MONOCHROME2", 16, generate_instance_uid=False)
    dataset.RescaleSlope, dataset.RescaleIntercept = _format(slope), _format(low)
    dataset.RescaleType = "US"  # no unit
    dataset.WindowCenter = _format(low + slope * _LEVELS / 2)
    dataset.WindowWidth = _format(slope * _LEVELS)


def _format(value: float) -> str:
    """Return a number in the 16 letters that a decimal string of DICOM has."""
    return f"{value:.9g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.8e}"
