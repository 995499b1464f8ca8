"""DICOM series as scanners write them, small; every value is invented."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
"""Unit vectors along columns and along rows, to the left and to the back: usual axial slices."""

Edit = Callable[[Dataset, int], None]


def volume(shape: tuple[int, int, int] = (6, 10, 8), seed: int = 0) -> np.ndarray:
    """Return integers that are different in every voxel, (slices, rows, columns)."""
    count = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(count).reshape(shape).astype(np.uint16)


def uid(*words: object) -> str:
    """Return a UID that depends on the words alone."""
    return generate_uid(entropy_srcs=[*map(str, words)])


def common(series: str, kind: str) -> Dataset:
    """Return the fields that all files of a series share."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = kind
    dataset.Modality, dataset.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M", "ND"]
    dataset.PatientID, dataset.PatientName = "P1", "Doe^Jane"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid("study"), uid(series)
    dataset.SeriesNumber, dataset.SeriesDescription = 3, f"t1 {series}"
    dataset.MagneticFieldStrength, dataset.RepetitionTime = 3.0, 500.0
    return dataset


def put_pixels(dataset: Dataset, pixels: np.ndarray) -> None:
    """Add the pixels of a slice, or of several, as 16-bit integers."""
    dataset.set_pixel_data(pixels.astype(np.uint16), "MONOCHROME2", 16)


def save(dataset: Dataset, path: Path, *words: object) -> Path:
    """Write a file whose SOPInstanceUID depends on the words alone."""
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = uid(*words)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    image: np.ndarray,
    series: str = "one",
    directions: Sequence[Sequence[float]] = AXIAL,
    edit: Edit | None = None,
) -> list[Path]:
    """Write one classic file for each slice, the last slice first, 3 mm apart, pixels 1.5×2 mm.

    Args:
        folder: the folder of the new files.
        image: integers, (slices, rows, columns); slices are numbered along the normal.
        series: word on which its UID and names depend.
        directions: unit vectors along columns and along rows.
        edit: changes the fields of a file before it is written; gets the number of the slice.
    """
    along_columns, along_rows = np.array(directions, float)
    normal = np.cross(along_columns, along_rows)
    paths: list[Path] = []
    for index in reversed(range(len(image))):
        dataset = common(series, MRImageStorage)
        put_pixels(dataset, image[index])
        dataset.ImageOrientationPatient = [*along_columns, *along_rows]
        dataset.ImagePositionPatient = [float(x) for x in 3 * index * normal - 20]
        dataset.PixelSpacing, dataset.SliceThickness = [1.5, 2.0], 2.5
        dataset.InstanceNumber = len(paths) + 1
        if edit:
            edit(dataset, index)
        name = f"IM{len(paths):04d}"
        paths.append(save(dataset, folder / series / name, series, dataset.get("EchoTime"), index))
    return paths


def write_enhanced(folder: Path, image: np.ndarray, order: Sequence[int]) -> Path:
    """Write the same volume as one enhanced multi-frame file, with its frames in this order."""
    dataset = common("one", EnhancedMRImageStorage)
    put_pixels(dataset, image[list(order)])
    shared = Dataset()
    shared.PlaneOrientationSequence = [Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [*AXIAL[0], *AXIAL[1]]
    shared.PixelMeasuresSequence = [Dataset()]
    shared.PixelMeasuresSequence[0].PixelSpacing = [1.5, 2.0]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(index) for index in order]
    return save(dataset, folder / "enhanced.dcm", "enhanced")


def write_everywhere(dataset: Dataset, word: str) -> None:
    """Write a word into every text field that a header may hold, also into private ones."""
    texts: dict[str, Any] = {
        "PatientName": word, "PatientAddress": word, "InstitutionName": word, "StationName": word,
        "OperatorsName": word, "ReferringPhysicianName": word, "Manufacturer": word,
        "ManufacturerModelName": word, "SeriesDescription": f"t1 {word}", "ProtocolName": word,
        "SequenceName": word, "ScanningSequence": ["GR", word], "PatientID": word,
        "ImageComments": word, "BodyPartExamined": word, "StudyDescription": word,
    }  # fmt: skip
    for keyword, text in texts.items():
        setattr(dataset, keyword, text)
    dataset.private_block(0x0011, "MAKER", create=True).add_new(0x01, "LO", word)


def _frame(index: int) -> Dataset:
    frame = Dataset()
    frame.PlanePositionSequence = [Dataset()]
    frame.PlanePositionSequence[0].ImagePositionPatient = [-20.0, -20.0, 3.0 * index - 20]
    frame.PixelValueTransformationSequence = [Dataset()]
    values = frame.PixelValueTransformationSequence[0]
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1 + index, -index, "US"
    return frame
