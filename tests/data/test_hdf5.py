"""A file that can't be read now is not a broken one, and is never left out."""

import errno
import fcntl
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest
from kits.factories import make_source, write_scan, write_site

from flmrcm.data.h5 import read_header, read_slice
from flmrcm.data.hdf5 import open_h5
from flmrcm.errors import DataLayoutError, DataUnavailableError
from flmrcm.inspection.volume_facts import examine
from flmrcm.inspection.volume_places import find_volume_places


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_site(tmp_path / "here")


@pytest.fixture
def locked(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One of four files, locked as by a process that has it open for writing."""
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    path = root / "T1" / "train" / "train_0.h5"
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def test_a_lock_is_told_from_a_fault(locked: Path) -> None:
    with pytest.raises(DataUnavailableError) as caught:
        read_header(locked, "here")
    line = str(caught.value)
    assert line.startswith(f"{locked}: locked, not broken: another process has it open")
    for way_out in ("HDF5_USE_FILE_LOCKING=FALSE", "a notebook", "wait for it"):
        assert way_out in line
    assert "\n" not in line


@pytest.mark.parametrize("skip_broken", [False, True])
def test_a_locked_file_is_never_left_out(locked: Path, skip_broken: bool) -> None:
    source = make_source(locked.parents[2], skip_broken=skip_broken)
    with pytest.raises(DataUnavailableError, match="locked, not broken"):
        source.list_volumes("train")
    assert len(source.list_volumes("test")) == 1


def test_an_inspection_says_that_it_is_locked(locked: Path) -> None:
    problems = [examine(place).problem for place in find_volume_places(locked.parents[2])]
    assert sum(problem.startswith("locked, not broken: ") for problem in problems) == 1
    assert problems.count("") == 3


def test_a_file_marked_as_being_written_names_the_tool(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w", libver="v110") as file:
        file["kspace"] = [1.0]
        file.flush()
        (tmp_path / "copy.h5").write_bytes((tmp_path / "v.h5").read_bytes())
    with pytest.raises(DataUnavailableError, match=r"marked as open for writing.*h5clear -s"):
        read_header(tmp_path / "copy.h5", "here")


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EMFILE, errno.ESTALE])
def test_what_the_operating_system_refuses_is_no_fault_of_the_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise OSError(number, "Unable to open file (file read failed: time = now\n, errno = 5)")

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(DataUnavailableError, match=r"train_0\.h5: can't be read at present \("):
        make_source(root, skip_broken=True).list_volumes("train")


def test_a_disk_that_fails_while_it_is_read_is_no_fault_of_the_file(root: Path) -> None:
    volume = read_header(root / "T1" / "train" / "train_0.h5", "here")
    unavailable = pytest.raises(DataUnavailableError, match="can't be read at present")
    with unavailable, open_h5(volume.path):
        raise OSError(errno.EIO, "Can't synchronously read data")
    read_slice(volume, 0)


def test_damage_stays_damage(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "v.h5").path
    path.write_bytes(path.read_bytes()[:700])
    for broken in (path, tmp_path / "nowhere.h5"):
        with pytest.raises(DataLayoutError) as caught:
            read_header(broken, "here")
        assert not isinstance(caught.value, DataUnavailableError)
