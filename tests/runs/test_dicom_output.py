"""A derived DICOM series: values, geometry, UIDs of its own, and nothing of a patient."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from kits.placement import locate
from pydicom.uid import MRImageStorage, SecondaryCaptureImageStorage
from scipy.spatial.transform import Rotation

from flmrcm.data.provenance import Provenance
from flmrcm.prepare.dicom_frames import list_frames
from flmrcm.prepare.dicom_stack import compute_affine as read_affine
from flmrcm.prepare.dicom_stack import stack_frames
from flmrcm.prepare.orientation import PLANES
from flmrcm.runs.dicom_output import WARNING, write_dicom
from flmrcm.runs.reconstructed_volume import ReconstructedVolume

IMAGE = np.random.default_rng(0).normal(3, 2, (3, 5, 4)).astype(np.float32)
MADE = {
    "made_by": "flmrcm 1", "checkpoint": "jane_doe.pt", "checkpoint_sha256": "ab12",
    "network": "UNet", "mask": "Random, 4x", "acceleration": 4.0, "reconstructed_as": "ward_7",
}  # fmt: skip
SECRETS = ("Doe", "doe", "1961", "ward_7")

WRITTEN = {
    "AccessionNumber", "BitsAllocated", "BitsStored", "BurnedInAnnotation", "Columns",
    "ContentQualification", "ConversionType", "DeidentificationMethod", "DerivationDescription",
    "EchoTime", "EchoTrainLength", "FrameOfReferenceUID", "HighBit", "ImageComments",
    "ImageOrientationPatient", "ImagePositionPatient", "ImageType", "InstanceNumber", "Laterality",
    "LossyImageCompression", "MRAcquisitionType", "Manufacturer", "ManufacturerModelName",
    "Modality", "PatientBirthDate", "PatientID", "PatientIdentityRemoved", "PatientName",
    "PatientPosition", "PatientSex", "PhotometricInterpretation", "PixelData",
    "PixelRepresentation", "PixelSpacing", "PositionReferenceIndicator", "ReferringPhysicianName",
    "RepetitionTime", "RescaleIntercept", "RescaleSlope", "RescaleType", "Rows", "SOPClassUID",
    "SOPInstanceUID", "SamplesPerPixel", "ScanOptions", "ScanningSequence", "SequenceVariant",
    "SeriesDescription", "SeriesInstanceUID", "SeriesNumber", "SliceThickness", "SoftwareVersions",
    "SpacingBetweenSlices", "StudyDate", "StudyID", "StudyInstanceUID", "StudyTime", "WindowCenter",
    "WindowWidth",
}  # fmt: skip
"""All that any file may hold."""

EMPTY = {name for name in WRITTEN if name.startswith(("Patient", "Study", "Referring"))} - {
    "PatientIdentityRemoved", "StudyInstanceUID",
}  # fmt: skip


def volume(orientation="SPL", voxel_mm=(5.0, 2.0, 0.5), image=IMAGE):
    provenance = Provenance("Doe", orientation, "measured", "Doe^Jane", voxel_mm)
    attributes = {"patient_id": "Doe^Jane", "subject": "doe", "birth": "1961", "site": "ward_7"}
    affine = locate(provenance, image.shape)
    return ReconstructedVolume(image, image, provenance, affine, attributes, MADE)


def read(paths):
    return [pydicom.dcmread(path) for path in paths]


def values_of(files):
    scaled = [f.pixel_array * float(f.RescaleSlope) + float(f.RescaleIntercept) for f in files]
    return np.stack(scaled)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e7])
def test_values_come_back_to_a_level_of_sixteen_bits(tmp_path, scale):
    image = (IMAGE * scale).astype(np.float32)
    files = read(write_dicom(volume(image=image), tmp_path / "v"))
    level = float(image.max() - image.min()) / (2**16 - 1)
    np.testing.assert_allclose(values_of(files), image, atol=0.51 * level)


def test_a_volume_of_one_value_keeps_it(tmp_path):
    files = read(write_dicom(volume(image=np.full_like(IMAGE, 7.0)), tmp_path / "v"))
    np.testing.assert_array_equal(values_of(files), np.full_like(IMAGE, 7.0))


@pytest.mark.parametrize("plane", PLANES)
def test_a_series_lies_where_nifti_says_it_does(tmp_path, plane):
    own = volume(PLANES[plane])
    paths = write_dicom(own, tmp_path / "v")
    frames = [f for path in paths for f in list_frames(path, pydicom.dcmread(path), True)]
    found = read_affine(stack_frames(frames, None))
    expected = own.affine.copy()
    if np.linalg.det(expected) * np.linalg.det(found) < 0:  # read along the normal of the slices
        expected[:, 3] += (len(IMAGE) - 1) * expected[:, 0]
        expected[:, 0] *= -1
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_strict_reader_takes_every_value_of_an_oblique_series(tmp_path, monkeypatch):
    own = volume()
    affine = own.affine.copy()
    affine[:3, :3] = (
        Rotation.from_euler("xyz", [13, -7, 22], degrees=True).as_matrix() @ affine[:3, :3]
    )
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    for file in read(write_dicom(replace(own, affine=affine), tmp_path / "v")):
        file.decode()  # reads what is only kept as bytes until it is asked for
        cosines = np.reshape(file.ImageOrientationPatient, (2, 3))
        np.testing.assert_allclose(cosines @ cosines.T, np.eye(2), atol=1e-11)


def test_without_voxels_or_orientation_no_geometry_is_claimed(tmp_path):
    for name, unknown in (("a", {"orientation": ""}), ("b", {"voxel_mm": None})):
        for file in read(write_dicom(volume(**unknown), tmp_path / name)):
            assert file.SOPClassUID == SecondaryCaptureImageStorage
            assert "ImagePositionPatient" not in file
            assert "PixelSpacing" not in file


def test_every_file_says_what_it_is(tmp_path):
    for file in read(write_dicom(volume(), tmp_path / "v")):
        assert file.SOPClassUID == file.file_meta.MediaStorageSOPClassUID == MRImageStorage
        assert file.ImageType[0] == "DERIVED"
        assert "NOT FOR DIAGNOSIS" in WARNING
        assert file.SeriesDescription == file.ImageComments == WARNING
        assert file.DerivationDescription.startswith(WARNING)
        assert "UNet" in file.DerivationDescription
        assert file.ContentQualification == "RESEARCH"
        assert len(file.SeriesDescription) <= 64  # all that a long string may hold


@pytest.mark.parametrize("orientation", ["SPL", ""])
def test_nothing_of_a_patient_is_in_a_file_and_no_field_that_is_not_listed(tmp_path, orientation):
    for path in write_dicom(volume(orientation), tmp_path / "v"):
        file = pydicom.dcmread(path)
        assert {element.keyword for element in file} <= WRITTEN
        assert {name: file[name].value for name in EMPTY if name in file and file[name].value} == {}
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS)


def test_uids_are_of_the_image_and_of_what_made_it(tmp_path):
    def uids(name, **changes):
        files = read(write_dicom(replace(volume(), **changes), tmp_path / name))
        assert len({f.SOPInstanceUID for f in files}) == len(files)
        assert len({(f.StudyInstanceUID, f.SeriesInstanceUID) for f in files}) == 1
        return {f.SOPInstanceUID for f in files} | {files[0].SeriesInstanceUID}

    own, again = uids("a"), uids("b")
    assert own == again
    assert not own & uids("c", image=IMAGE + 1)
    assert not own & uids("d", made={**MADE, "checkpoint_sha256": "cd34"})


def test_equal_volumes_give_equal_bytes(tmp_path):
    both = [write_dicom(volume(), tmp_path / name / "v") for name in ("a", "b")]
    assert [path.read_bytes() for path in both[0]] == [path.read_bytes() for path in both[1]]
