"""Pixels: every compression gives the same values, and a bad file gives one clear line."""

from pathlib import Path

import numpy as np
import pytest
from kits.dicom_files import volume, write_series
from numpy.testing import assert_array_equal
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEG2000Lossless

from flmrcm.prepare.dicom_fields import read_fields
from flmrcm.prepare.dicom_frames import Frame, list_frames
from flmrcm.prepare.dicom_pixels import read_pixels
from flmrcm.prepare.dicom_stack import stack_frames
from flmrcm.prepare.scan import UnusableVolume

PLAIN = "MR_small.dcm"


def example(name: str) -> Path:
    """Return the path of one of pydicom's example files."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path)


def frames(*paths: Path) -> list[Frame]:
    return stack_frames(
        [one for path in paths for one in list_frames(path, read_fields(path))], None
    )


def error_line(path: Path) -> str:
    with pytest.raises(UnusableVolume) as caught:
        read_pixels(frames(path))
    line = str(caught.value)
    assert line.startswith(f"{path.name}: ")
    assert "\n" not in line
    return line


def test_values_are_those_that_pydicom_reads() -> None:
    expected = dcmread(example(PLAIN)).pixel_array
    (image,) = read_pixels(frames(example(PLAIN)))
    assert_array_equal(image, expected)


@pytest.mark.parametrize(
    ("name", "plugin"),
    [
        ("MR_small_RLE.dcm", None),
        ("MR_small_bigendian.dcm", None),
        ("MR_small_implicit.dcm", None),
        ("MR_small_padded.dcm", None),
        ("MR_small_jp2klossless.dcm", "openjpeg"),
        ("MR_small_jpeg_ls_lossless.dcm", "libjpeg"),
    ],
)
def test_every_lossless_syntax_gives_the_same_values(name: str, plugin: str | None) -> None:
    if plugin:
        pytest.importorskip(plugin)
    assert_array_equal(read_pixels(frames(example(name))), read_pixels(frames(example(PLAIN))))


def test_each_file_has_its_own_slope_and_intercept(tmp_path: Path) -> None:
    def rescale(dataset: Dataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 0.5 * (1 + index), 10 * index

    paths = write_series(tmp_path, volume(), edit=rescale)
    index = np.arange(6).reshape(-1, 1, 1)
    expected = (volume() * (0.5 * (1 + index)) + 10 * index).astype(np.float32)
    assert_array_equal(read_pixels(frames(*paths)), expected)


def test_values_from_white_to_black_are_inverted(tmp_path: Path) -> None:
    def set_monochrome1(dataset: Dataset, index: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    paths = write_series(tmp_path, volume(), edit=set_monochrome1)
    assert_array_equal(read_pixels(frames(*paths)), volume().max() - volume().astype(np.float32))


def test_a_truncated_file_is_named() -> None:
    assert "its pixels can't be read" in error_line(example("MR_truncated.dcm"))


def test_a_file_that_ends_before_its_pixels_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(example(PLAIN).read_bytes()[:1500])
    assert "its pixels can't be read" in error_line(path)


def test_a_header_without_pixels_is_named(tmp_path: Path) -> None:
    def empty(dataset: Dataset, index: int) -> None:
        del dataset.PixelData

    path = write_series(tmp_path, volume()[:1], edit=empty)[0]
    assert error_line(path) == f"{path.name}: holds no pixels"


def test_a_picture_in_colour_is_refused(tmp_path: Path) -> None:
    def colour(dataset: Dataset, index: int) -> None:
        pixels = np.zeros((10, 8, 3), np.uint8)
        dataset.set_pixel_data(pixels, "RGB", 8)

    path = write_series(tmp_path, volume()[:1], edit=colour)[0]
    assert "in colour" in error_line(path)


def test_a_compression_without_decoder_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(get_decoder(JPEG2000Lossless), "_available", {})
    line = error_line(example("MR_small_jp2klossless.dcm"))
    assert "compressed as JPEG 2000 Image Compression (Lossless Only)" in line
    assert "pip install 'flmrcm[dicom]'" in line


def test_real_world_values_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    def add_mapping(dataset: Dataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 2, 1
        dataset.RealWorldValueMappingSequence = [Dataset()]
        mapping = dataset.RealWorldValueMappingSequence[0]
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.5, -3.0

    paths = write_series(tmp_path, volume(), edit=add_mapping)
    assert_array_equal(read_pixels(frames(*paths)), volume() * 2.0 + 1)
    assert_array_equal(read_pixels(frames(*paths), "real_world"), volume() * 0.5 - 3)


def test_real_world_values_that_are_missing_are_named(tmp_path: Path) -> None:
    paths = write_series(tmp_path, volume())
    with pytest.raises(UnusableVolume, match="no slope of real-world values; use values=rescaled"):
        read_pixels(frames(*paths), "real_world")
