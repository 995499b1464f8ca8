"""The on-disk contract: what is written comes back, and a bad file says so in one line."""

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
def test_what_is_written_comes_back(tmp_path: Path, coils: int, key: str) -> None:
    kspace, image = scanned(3, (16, 12), coils)
    path = tmp_path / "new" / "folder" / "v.1.h5"
    write_volume(path, kspace, image, {"patient_id": "x"})
    volume = read_header(path, "here")
    assert (volume.path, volume.site, volume.name) == (path, "here", "v.1")
    assert (volume.shape, volume.target_key) == ((3, coils, 16, 12), key)
    assert volume.target_shape == (16, 12)
    for index in range(3):
        found, target = read_slice(volume, index)
        assert found.dtype == np.complex64
        assert found.shape == (coils, 16, 12)
        assert_array_equal(found, kspace[index].reshape(found.shape))
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


def test_a_volume_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
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
    found, target = read_slice(read_header(path, "here"), 2)
    assert_array_equal(found[0], KSPACE[2])
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


BROKEN = {
    "no data set 'kspace'; the file holds mask": {"mask": IMAGE},
    "'kspace' is complex64 (3, 16); it must be complex": {"kspace": KSPACE[..., 0]},
    "'kspace' is float32 (3, 16, 12); it must be complex": {"kspace": IMAGE},
    "target is float32 (2, 16, 12); it must be real, (slice, h, w) with 3": {
        "kspace": KSPACE,
        "reconstruction_esc": IMAGE[:2],
    },
    "target is float32 (16, 12); it must be": {"kspace": KSPACE, "reconstruction_esc": IMAGE[0]},
    "target is 16×12, larger than its k-space 16×10": {
        "kspace": KSPACE[..., :10],
        "reconstruction_esc": IMAGE,
    },
}


def the_line(path: Path, coils: str = "auto") -> str:
    with pytest.raises(DataLayoutError) as caught:
        read_header(path, "here", coils)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_header_gives_one_clear_line(tmp_path: Path, text: str) -> None:
    assert text in the_line(write_plain(tmp_path / "v.h5", **BROKEN[text]))


@pytest.mark.parametrize("kept", [0.5, 0.01, 0.0])
def test_a_truncated_file_gives_one_clear_line(tmp_path: Path, kept: float) -> None:
    path = write_scan(tmp_path / "v.h5").path
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert "not a readable HDF5 file" in the_line(path)


def test_a_missing_or_foreign_file_gives_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "v.h5").write_text("these are not the images you are looking for" * 100)
    assert "not a readable HDF5 file" in the_line(tmp_path / "v.h5")
    assert "not a readable HDF5 file" in the_line(tmp_path / "nowhere.h5")


def test_an_empty_file_says_that_it_holds_nothing(tmp_path: Path) -> None:
    assert "the file holds nothing" in the_line(write_plain(tmp_path / "v.h5"))


def test_a_group_called_kspace_is_no_kspace(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_group("kspace")
    assert "no data set 'kspace'" in the_line(tmp_path / "v.h5")


@pytest.mark.parametrize(("coils", "other"), [(1, "multi"), (2, "single")])
def test_the_wrong_number_of_coils_is_named(tmp_path: Path, coils: int, other: str) -> None:
    path = write_scan(tmp_path / "v.h5", coils=coils).path
    own = "single" if coils == 1 else "multi"
    assert f"'kspace' is {own}-coil, but coils={other} is asked" in the_line(path, other)
    assert read_header(path, "here", own).shape[1] == coils


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", ["kspace", "reconstruction_esc"])
def test_nan_and_infinity_are_found_where_they_are(tmp_path: Path, key: str, bad: float) -> None:
    data = {"kspace": KSPACE.copy(), "reconstruction_esc": IMAGE.copy()}
    data[key][1, 3, 4] = bad
    volume = read_header(write_plain(tmp_path / "v.h5", **data), "here")
    read_slice(volume, 0)
    with pytest.raises(DataLayoutError, match=f"v.h5: slice 1 of '{key}' holds NaN or infinity"):
        read_slice(volume, 1)


def test_a_slice_that_is_not_there_is_named(tmp_path: Path) -> None:
    volume = write_scan(tmp_path / "v.h5")
    with pytest.raises(DataLayoutError, match=r"v\.h5: slice 3 can't be read"):
        read_slice(volume, 3)
