"""Raw k-space: padding and oversampling are removed, all measured values stay."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from kits.factories import write_plain
from kits.raw_files import MEASURED, head, header, raw_kspace, write_raw
from numpy.testing import assert_allclose

from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import fft2c
from flmrcm.prepare.raw_kspace import RawReading, find_measured_columns, open_raw
from flmrcm.prepare.scan import UnusableVolume

ALL = slice(0, 32)


def combined(path: Path) -> torch.Tensor:
    return rss(torch.stack(list(open_raw(path, RawReading()).reconstruct())))


def error_line(path: Path) -> str:
    with pytest.raises(UnusableVolume) as caught:
        list(open_raw(path, RawReading()).reconstruct())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_zeros_show_the_same_padding_as_the_header() -> None:
    """In `header`: 32 encoded columns, centre 12, 24 lines, so 16 − 12 = 4 before and 4 behind."""
    assert find_measured_columns(raw_kspace()) == MEASURED == slice(16 - 12, 16 - 12 + 24)


@pytest.mark.parametrize("width", [31, 32])
def test_full_kspace_keeps_all_columns(width: int) -> None:
    assert find_measured_columns(np.ones((2, 3, width))) == slice(0, width)


def test_partial_fourier_keeps_the_centre_in_the_centre() -> None:
    kspace = np.zeros((1, 8, 32))
    kspace[..., 10:28] = 1
    assert find_measured_columns(kspace) == slice(4, 28)


def test_a_black_slice_has_no_padding() -> None:
    assert find_measured_columns(np.zeros((1, 8, 32))) == ALL


@pytest.mark.parametrize(
    ("measured", "lowest", "highest"),
    [(MEASURED, -12, 11), (ALL, -16, 15), (slice(10, 28), -6, 11)],
)
def test_frequencies_that_nobody_measured_are_known(
    tmp_path: Path, measured: slice, lowest: int, highest: int
) -> None:
    raw = open_raw(write_raw(tmp_path, kspace=raw_kspace(measured)), RawReading())
    assert_allclose(raw.phase_band, (lowest / 220, highest / 220))


def test_without_padding_the_image_is_the_head(tmp_path: Path) -> None:
    path = write_raw(tmp_path, kspace=raw_kspace(ALL))
    assert_allclose(combined(path), head().abs(), atol=1e-5)
    assert open_raw(path, RawReading()).geometry.voxel_mm == (5, 440 / 64, 220 / 32)


def test_without_the_padding_pixels_are_wider(tmp_path: Path) -> None:
    raw = open_raw(write_raw(tmp_path), RawReading())
    (first, _) = raw.reconstruct()
    assert first.shape == (4, 32, 24)
    assert raw.geometry.voxel_mm == (5, 440 / 64, 220 / 24)
    assert (fft2c(first).abs().amax((0, 1)) > 1e-3).all(), "every column is measured now"


def test_oversampling_along_the_phase_is_removed(tmp_path: Path) -> None:
    raw = open_raw(write_raw(tmp_path, kspace=raw_kspace(ALL), xml=header(shown=165)), RawReading())
    assert raw.geometry.size == (32, 24)
    assert raw.geometry.voxel_mm == (5, 440 / 64, 220 / 32)


def test_only_numbers_of_the_header_are_kept(tmp_path: Path) -> None:
    attributes = open_raw(write_raw(tmp_path), RawReading()).attributes
    assert attributes == {
        "field_strength_t": 2.89,
        "repetition_time_ms": 500,
        "echo_time_ms": 9.8,
        "flip_angle_deg": 70,
    }


def test_a_file_without_header_needs_a_voxel_size(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "own.h5", kspace=raw_kspace())
    assert "give voxel_mm=[5,1,1]" in error_line(path)
    raw = open_raw(path, RawReading((5, 0.5, 0.75)))
    assert raw.geometry.size == (64, 24)
    assert raw.geometry.voxel_mm == (5, 0.5, 0.75 * 32 / 24)
    with h5py.File(path, "a") as file:
        file.attrs["voxel_mm"] = [4.0, 1.0, 1.5]
    assert open_raw(path, RawReading((5, 0.5, 0.75))).geometry.voxel_mm == (4, 1, 2)


def test_one_coil_without_a_coil_axis_is_one_coil(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "own.h5", kspace=raw_kspace()[:, 0])
    assert [image.shape for image in open_raw(path, RawReading((1, 1, 1))).reconstruct()] == [
        (1, 64, 24)
    ] * 2


def test_a_damaged_slice_is_named(tmp_path: Path) -> None:
    kspace = raw_kspace()
    kspace[0, 2, 5, 16] = np.nan
    assert (
        error_line(write_raw(tmp_path, kspace=kspace)) == "slice 0: 'kspace' holds NaN or infinity"
    )


def test_slices_with_different_columns_are_refused(tmp_path: Path) -> None:
    kspace = raw_kspace()
    kspace[0] = raw_kspace(ALL)[0]
    assert "slice 0: its slices were measured with different columns" in error_line(
        write_raw(tmp_path, kspace=kspace)
    )


def test_undersampled_files_are_refused(tmp_path: Path) -> None:
    path = write_raw(tmp_path)
    with h5py.File(path, "a") as file:
        file["mask"] = np.ones(32)
    assert "undersampled" in error_line(path)


def test_unmarked_undersampled_files_are_refused_too(tmp_path: Path) -> None:
    kspace = raw_kspace()
    kspace[..., 5:27:2] = 0
    assert "undersampled (11 columns of zeros between" in error_line(
        write_raw(tmp_path, kspace=kspace)
    )


def shifted(rows: int, columns: int) -> np.ndarray:
    return np.roll(raw_kspace(), (rows, columns), (-2, -1))


def test_a_peak_off_the_centre_is_centred_only_on_request(tmp_path: Path) -> None:
    centred = list(open_raw(write_raw(tmp_path / "a"), RawReading(center=True)).reconstruct())
    path = write_raw(tmp_path / "b", kspace=shifted(5, -3))
    raw = open_raw(path, RawReading(center=True))
    assert raw.attributes["kspace_shift"].tolist() == [-5, 3]
    for one, two in zip(raw.reconstruct(), centred, strict=True):
        torch.testing.assert_close(one, two)
    with_phase = open_raw(path, RawReading())
    assert "kspace_shift" not in with_phase.attributes
    assert with_phase.geometry.columns == slice(1, 31), "all that was measured, around the centre"


def test_a_turned_file_gives_the_same_images(tmp_path: Path) -> None:
    plain = open_raw(write_raw(tmp_path / "a"), RawReading())
    turned = raw_kspace().swapaxes(-2, -1)
    asked = open_raw(write_raw(tmp_path / "b", kspace=turned), RawReading(phase_encoding="rows"))
    own = open_raw(write_raw(tmp_path / "c", kspace=turned, phase_encoding="rows"), RawReading())
    for raw in (asked, own):
        assert raw.geometry.voxel_mm == plain.geometry.voxel_mm
        for one, two in zip(raw.reconstruct(), plain.reconstruct(), strict=True):
            torch.testing.assert_close(one, two)


def test_voxel_sizes_are_those_of_the_stored_axes(tmp_path: Path) -> None:
    turned = raw_kspace().swapaxes(-2, -1)
    path = write_plain(tmp_path / "own.h5", kspace=turned)
    raw = open_raw(path, RawReading((5, 0.75, 0.5), "rows"))
    assert raw.geometry.voxel_mm == (5, 0.5, 0.75 * 32 / 24)


@pytest.mark.parametrize("xml", ["<no", "<ismrmrdHeader/>"])
def test_a_broken_header_is_explained(tmp_path: Path, xml: str) -> None:
    assert "its 'ismrmrd_header' can't be read" in error_line(write_raw(tmp_path, xml=xml))


def test_a_truncated_file_is_explained(tmp_path: Path) -> None:
    path = write_raw(tmp_path)
    path.write_bytes(path.read_bytes()[:3000])
    assert error_line(path).startswith("not a readable HDF5 file")


def test_damage_inside_a_file_is_explained(tmp_path: Path) -> None:
    path = write_raw(tmp_path)
    with h5py.File(path, "r+") as file:
        kspace = file["kspace"][()]
        del file["kspace"]
        file.create_dataset("kspace", data=kspace, chunks=(1, 4, 64, 32), fletcher32=True)
        offset = file["kspace"].id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(offset + 8)
        raw.write(b"damage")
    assert error_line(path).startswith("damaged inside (")


def test_a_shape_that_the_file_does_not_store_is_refused(tmp_path: Path) -> None:
    path = write_raw(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["kspace"]
        file.create_dataset("kspace", (10**9, 4, 64, 32), np.complex64)
    assert error_line(path).startswith("'kspace' declares the shape (1000000000, 4, 64, 32)")
