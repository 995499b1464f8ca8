"""The file format: what is written is read back, and a bad file gives one clear line."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from kits.factories import scanned, write_plain, write_scan
from numpy.testing import assert_array_equal

from flmrcm.data.h5 import read_header, read_slice, write_volume
from flmrcm.errors import DataLayoutError

KSPACE, IMAGE = scanned(3, (16, 12))


@pytest.mark.parametrize(("coils", "key"), [(1, "reconstruction_esc"), (4, "reconstruction_rss")])
def test_what_is_written_is_read_back(tmp_path: Path, coils: int, key: str) -> None:
    kspace, image = scanned(3, (16, 12), coils)
    path = tmp_path / "new" / "folder" / "v.1.h5"
    write_volume(path, kspace, image, {"patient_id": "x"})
    volume = read_header(path, "here")
    assert (volume.path, volume.site, volume.name) == (path, "here", "v.1")
    assert (volume.shape, volume.target_key) == ((3, coils, 16, 12), key)
    assert volume.target_shape == (16, 12)
    for index in range(3):
        stored, target = read_slice(volume, index)
        assert stored.dtype == np.complex64
        assert stored.shape == (coils, 16, 12)
        assert_array_equal(stored, kspace[index].reshape(stored.shape))
        assert_array_equal(target, image[index])


def test_a_file_is_as_fastmri_reads_it(tmp_path: Path) -> None:
    write_volume(tmp_path / "v.h5", KSPACE.astype(np.complex128), IMAGE, {"patient_id": "x"})
    with h5py.File(tmp_path / "v.h5") as file:
        assert set(file) == {"kspace", "reconstruction_esc"}
        assert (file["kspace"].dtype, file["kspace"].chunks) == (np.complex64, (1, 16, 12))
        assert file["reconstruction_esc"].dtype == np.float32
        assert file.attrs["patient_id"] == "x"
        assert file.attrs["max"] == pytest.approx(IMAGE.max())
        assert file.attrs["norm"] == pytest.approx(np.linalg.norm(IMAGE))


def test_a_volume_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "v.h5"
    with pytest.raises(TypeError):
        write_volume(path, KSPACE, IMAGE, {"unwritable": object()})
    assert not path.exists()
    assert not list(tmp_path.glob("*.h5"))


def test_a_failed_rewrite_leaves_the_old_volume(tmp_path: Path) -> None:
    volume = write_scan(tmp_path / "v.h5")
    before, _ = read_slice(volume, 0)
    with pytest.raises(TypeError):
        write_volume(volume.path, KSPACE, IMAGE, {"unwritable": object()})
    assert_array_equal(read_slice(volume, 0)[0], before)


def test_the_published_layout_without_attributes_loads(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "v.h5", kspace=KSPACE, reconstruction_esc=IMAGE.astype(float))
    kspace, target = read_slice(read_header(path, "here"), 2)
    assert_array_equal(kspace[0], KSPACE[2])
    assert_array_equal(target, IMAGE[2])
    assert target is not None
    assert target.dtype == np.float32


def test_a_target_may_be_smaller_or_missing(tmp_path: Path) -> None:
    small = write_plain(tmp_path / "a.h5", kspace=KSPACE, reconstruction_esc=IMAGE[:, 2:10, :8])
    assert read_header(small, "here").target_shape == (8, 8)
    none = read_header(write_plain(tmp_path / "b.h5", kspace=KSPACE), "here")
    assert (none.target_key, none.target_shape) == (None, None)
    assert read_slice(none, 0)[1] is None


def test_only_the_target_of_its_own_coils_counts(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "v.h5", kspace=KSPACE, reconstruction_rss=IMAGE)
    assert read_header(path, "here").target_key is None


def test_beside_one_coil_the_target_of_the_asked_kind_is_read(tmp_path: Path) -> None:
    targets = {"reconstruction_esc": IMAGE, "reconstruction_rss": 2 * IMAGE}
    path = write_plain(tmp_path / "v.h5", kspace=KSPACE[:, None], **targets)
    keys = [read_header(path, "", coils).target_key for coils in ("single", "multi")]
    assert keys == ["reconstruction_esc", "reconstruction_rss"]


BROKEN = {
    "target is complex64 (3, 16, 12); it must be real": {
        "kspace": KSPACE,
        "reconstruction_esc": KSPACE,
    },
    "no data set 'kspace'; the file holds mask": {"mask": IMAGE},
    "'kspace' is complex64 (3, 16); it must be complex": {"kspace": KSPACE[..., 0]},
    "'kspace' is float32 (3, 16, 12); it must be complex": {"kspace": IMAGE},
    "'kspace' is complex64 (3, 0, 12); it must be complex": {"kspace": KSPACE[:, :0]},
    "target is float32 (3, 16, 0); it must be": {
        "kspace": KSPACE,
        "reconstruction_esc": IMAGE[..., :0],
    },
    "target is float32 (2, 16, 12); it must be real, (slices, rows, columns) with 3": {
        "kspace": KSPACE,
        "reconstruction_esc": IMAGE[:2],
    },
    "target is bool (3, 16, 12); it must be real": {
        "kspace": KSPACE,
        "reconstruction_esc": IMAGE > 0,
    },
    "target is float32 (16, 12); it must be": {"kspace": KSPACE, "reconstruction_esc": IMAGE[0]},
    "target is 16×12, larger than its k-space 16×10": {
        "kspace": KSPACE[..., :10],
        "reconstruction_esc": IMAGE,
    },
}


def error_line(path: Path, coils: str = "auto") -> str:
    with pytest.raises(DataLayoutError) as caught:
        read_header(path, "here", coils)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_header_gives_one_clear_line(tmp_path: Path, text: str) -> None:
    assert text in error_line(write_plain(tmp_path / "v.h5", **BROKEN[text]))


@pytest.mark.parametrize("fraction", [0.5, 0.01, 0.0])
def test_a_truncated_file_gives_one_clear_line(tmp_path: Path, fraction: float) -> None:
    path = write_scan(tmp_path / "v.h5").path
    content = path.read_bytes()
    path.write_bytes(content[: int(fraction * len(content))])
    assert "not a readable HDF5 file" in error_line(path)


def test_a_missing_or_foreign_file_gives_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "v.h5").write_text("these are not the images you are looking for" * 100)
    assert "not a readable HDF5 file" in error_line(tmp_path / "v.h5")
    assert "not a readable HDF5 file" in error_line(tmp_path / "nowhere.h5")


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    assert "the file holds nothing" in error_line(write_plain(tmp_path / "v.h5"))


def test_a_group_called_kspace_is_no_data_set(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_group("kspace")
    assert "no data set 'kspace'" in error_line(tmp_path / "v.h5")


@pytest.mark.parametrize(("coils", "other"), [(1, "multi"), (2, "single")])
def test_the_wrong_number_of_coils_is_named(tmp_path: Path, coils: int, other: str) -> None:
    path = write_scan(tmp_path / "v.h5", coils=coils).path
    own = "single" if coils == 1 else "multi"
    assert f"'kspace' is {own}-coil, but the config says coils={other}" in error_line(path, other)
    assert read_header(path, "here", own).shape[1] == coils


@pytest.mark.parametrize("coils", ["auto", "single", "multi"])
@pytest.mark.parametrize("key", ["reconstruction_esc", "reconstruction_rss"])
def test_a_coil_axis_of_one_goes_with_either_target(tmp_path: Path, coils: str, key: str) -> None:
    path = write_plain(tmp_path / "v.h5", kspace=KSPACE[:, None], **{key: IMAGE})
    header = read_header(path, "here", coils)
    assert (header.shape, header.target_key) == ((3, 1, 16, 12), key)
    kspace, target = read_slice(header, 1)
    assert_array_equal(kspace, KSPACE[1][None])
    assert_array_equal(target, IMAGE[1])


def test_the_target_of_other_coils_is_no_target(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "v.h5", kspace=KSPACE, reconstruction_rss=IMAGE)
    assert read_header(path, "here").target_key is None
    two = np.stack([KSPACE, KSPACE], 1)
    path = write_plain(tmp_path / "w.h5", kspace=two, reconstruction_esc=IMAGE)
    assert read_header(path, "here").target_key is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float16", "float64"])
def test_targets_of_every_real_type_are_read(tmp_path: Path, dtype: str) -> None:
    image = np.round(IMAGE / IMAGE.max() * 100).astype(dtype)
    path = write_plain(tmp_path / "v.h5", kspace=KSPACE, reconstruction_esc=image)
    _, target = read_slice(read_header(path, "here"), 0)
    assert target is not None
    assert target.dtype == np.float32
    assert_array_equal(target, image[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", ["kspace", "reconstruction_esc"])
def test_the_slice_with_nan_or_infinity_is_named(tmp_path: Path, key: str, bad: float) -> None:
    data = {"kspace": KSPACE.copy(), "reconstruction_esc": IMAGE.copy()}
    data[key][1, 3, 4] = bad
    volume = read_header(write_plain(tmp_path / "v.h5", **data), "here")
    read_slice(volume, 0)
    with pytest.raises(DataLayoutError, match=f"v.h5: slice 1 of '{key}' holds NaN or infinity"):
        read_slice(volume, 1)


def test_a_slice_that_does_not_exist_is_named(tmp_path: Path) -> None:
    volume = write_scan(tmp_path / "v.h5")
    with pytest.raises(DataLayoutError, match=r"v\.h5: slice 3 can't be read"):
        read_slice(volume, 3)


@pytest.mark.parametrize("shape", [(2, 2**20, 2**20), (10**9, 16, 16), (4, 64, 64)])
@pytest.mark.parametrize("chunks", [None, True])
def test_a_shape_that_the_file_does_not_store_is_refused_at_once(
    tmp_path: Path, shape: tuple[int, ...], chunks: bool | None
) -> None:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", shape, np.complex64, chunks=chunks)
    line = error_line(path)
    assert f"'kspace' declares the shape {shape}" in line
    assert "write it again, or remove it" in line


def test_compressed_and_virtual_kspace_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "zeros.h5", "w") as file:
        file.create_dataset("kspace", data=np.zeros((64, 64, 64), np.complex64), compression=9)
    assert read_header(tmp_path / "zeros.h5", "here").shape == (64, 1, 64, 64)
    layout = h5py.VirtualLayout(KSPACE.shape, np.complex64)
    stored = write_plain(tmp_path / "stored.h5", kspace=KSPACE)
    layout[:] = h5py.VirtualSource(str(stored), "kspace", KSPACE.shape)
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("kspace", layout)
    kspace, _ = read_slice(read_header(tmp_path / "virtual.h5", "here"), 1)
    assert_array_equal(kspace[0], KSPACE[1])


def test_a_virtual_kspace_of_a_billion_slices_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((10**9, 16, 16), np.complex64)
        file.create_virtual_dataset("kspace", layout)
    assert "declares the shape (1000000000, 16, 16)" in error_line(tmp_path / "v.h5")
