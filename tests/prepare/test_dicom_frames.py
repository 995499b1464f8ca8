"""Positions of slices, in the example files of nibabel and pydicom."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from kits.dicom_files import common, volume, write_enhanced
from numpy.testing import assert_allclose, assert_array_equal
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import MRImageStorage

from flmrcm.prepare.dicom import DicomSource
from flmrcm.prepare.dicom_frames import is_mosaic, list_frames
from flmrcm.prepare.dicom_pixels import read_pixels
from flmrcm.prepare.dicom_stack import compute_affine, stack_frames
from flmrcm.prepare.scan import FoundVolume, UnusableVolume

EXAMPLES = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"


def unpack_example(name: str, folder: Path) -> Path:
    """Write one of nibabel's example files into a folder and return its path."""
    path = folder / name.removesuffix(".gz")
    content = (EXAMPLES / name).read_bytes()
    path.write_bytes(gzip.decompress(content) if name.endswith(".gz") else content)
    return path


def tile(slices: np.ndarray, across: int) -> np.ndarray:
    """Return slices side by side, `across` in a row, as Siemens scanners write them."""
    n, rows, columns = slices.shape
    page = np.zeros((across * across, rows, columns), slices.dtype)
    page[:n] = slices
    page = page.reshape(across, across, rows, columns).transpose(0, 2, 1, 3)
    return page.reshape(across * rows, across * columns)


def test_a_mosaic_is_separated_into_its_slices(tmp_path: Path) -> None:
    path = unpack_example("siemens_dwi_0.dcm.gz", tmp_path)
    slices = np.random.default_rng(0).integers(0, 4000, (48, 128, 128)).astype(np.uint16)
    dataset = dcmread(path)
    dataset.PixelData = tile(slices, 7).tobytes()
    dataset.save_as(path)
    volume = stack_frames(list_frames(path, dataset), None)
    assert is_mosaic(dataset)
    assert_array_equal(read_pixels(volume), slices)
    assert_allclose(
        np.linalg.norm(compute_affine(volume)[:3, :3], axis=0), (3, 1.796875, 1.796875), 1e-5
    )
    # the position of a mosaic is the corner of the whole page, 3 slice widths away on each side
    corner = np.array(dataset.ImagePositionPatient, float)
    shift = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3).sum(0)
    assert_allclose(volume[0].position, corner + (896 - 128) / 2 * 1.796875 * shift, atol=0.01)


def test_several_mosaics_are_time_points(tmp_path: Path) -> None:
    for name in ("siemens_dwi_0.dcm.gz", "siemens_dwi_1000.dcm.gz"):
        unpack_example(name, tmp_path)
    options = {"contrast_patterns": {"DTI": "dti"}, "subject_field": "StudyInstanceUID"}
    (volume,) = DicomSource(str(tmp_path), **options).find()
    assert isinstance(volume, FoundVolume)
    with pytest.raises(UnusableVolume, match="2 images at each position"):
        DicomSource(str(tmp_path), **options).read(volume)
    scan = DicomSource(str(tmp_path), frame=1, **options).read(volume)
    assert scan.image.shape == (48, 128, 128)


def test_an_enhanced_sagittal_scan_becomes_axial(tmp_path: Path) -> None:
    unpack_example("philips_mprage.dcm.gz", tmp_path)
    source = DicomSource(str(tmp_path), {"T1": "mprage"})
    (volume,) = source.find()
    assert isinstance(volume, FoundVolume)
    scan = source.read(volume)
    assert (scan.image.shape, scan.native_shape) == ((256, 256, 176), (176, 256, 256))
    assert (scan.orientation, scan.native_orientation) == ("SPL", "RIP")
    assert_allclose(scan.voxel_mm, (1, 1, 1), rtol=1e-5)
    assert scan.attributes["echo_time_ms"] == 3.513


def test_a_classic_file_is_one_frame() -> None:
    path = Path(str(get_testdata_file("MR_small.dcm")))
    (frame,) = list_frames(path, dcmread(path))
    assert (frame.matrix, frame.pixel_mm, frame.thickness_mm) == ((64, 64), (0.3125, 0.3125), 0.8)
    assert_array_equal(frame.position, [-83.9063, -91.2, 6.6406])


@pytest.mark.parametrize("missing", ["ImagePositionPatient", "PixelSpacing"])
def test_a_slice_without_position_or_pixel_size_is_refused(missing: str) -> None:
    path = Path(str(get_testdata_file("MR_small.dcm")))
    dataset = dcmread(path)
    delattr(dataset, missing)
    with pytest.raises(UnusableVolume, match=f"without {missing}"):
        list_frames(path, dataset)


def test_a_mosaic_without_its_private_header_is_refused() -> None:
    dataset: Dataset = common("one", MRImageStorage)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]
    with pytest.raises(UnusableVolume, match="Siemens' private header"):
        list_frames(Path("x"), dataset)


def retype(path: Path, kinds: list[tuple[str, str, str]]) -> Dataset:
    """Give frames a FrameType, by its first and last word, and a ComplexImageComponent."""
    dataset = dcmread(path)
    for frame, (origin, word, component) in zip(
        dataset.PerFrameFunctionalGroupsSequence, kinds, strict=True
    ):
        kind = Dataset()
        kind.FrameType = [origin, "PRIMARY", "T1", word]
        kind.ComplexImageComponent = component
        frame.MRImageFrameTypeSequence = [kind]
    return dataset


def test_frames_of_an_enhanced_file_are_told_apart_by_their_own_type(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path, volume(), order=range(6))
    kinds = [
        ("ORIGINAL", "M", "MAGNITUDE"), ("ORIGINAL", "FIELD_MAP", "REAL"),
        ("ORIGINAL", "NONE", "PHASE"), ("DERIVED", "M", "MAGNITUDE"),
        ("ORIGINAL", "NONE", "MAGNITUDE"), ("ORIGINAL", "P", "MAGNITUDE"),
    ]  # fmt: skip
    dataset = retype(path, kinds)
    assert [frame.index for frame in list_frames(path, dataset)] == [0, 4]
    assert [frame.index for frame in list_frames(path, dataset, keep_derived=True)] == [0, 3, 4]


def test_a_file_of_phases_holds_no_magnitude(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path, volume(), order=range(6))
    dataset = retype(path, [("ORIGINAL", "NONE", "PHASE")] * 6)
    with pytest.raises(UnusableVolume, match="none of its frames is an original magnitude"):
        list_frames(path, dataset)
