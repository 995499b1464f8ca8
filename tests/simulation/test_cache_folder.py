"""A cache folder is filled once, and completely."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.simulation import cache_folder
from flmrcm.simulation.cache_folder import generate_once, hash_text


def test_two_processes_at_once_fill_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, made = Event(), list[bool]()
    monkeypatch.setattr(
        cache_folder.log, "info", lambda said, *_: said.startswith("waiting: ") and waits.set()
    )

    def make() -> None:
        made.append(waits.wait())  # until the other one says that it waits

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: generate_once(tmp_path / "T1", make, "x"), range(2)))
    assert made == [True]


def test_after_an_interruption_the_missing_files_are_added(tmp_path: Path) -> None:
    def interrupt() -> None:
        (tmp_path / "a.h5").touch()
        (tmp_path / ".b.h5.123").touch()
        raise KeyboardInterrupt

    def make() -> None:
        assert (tmp_path / "a.h5").exists(), "complete files stay"
        assert not (tmp_path / ".b.h5.123").exists(), "half-written files are deleted"

    with pytest.raises(KeyboardInterrupt):
        generate_once(tmp_path, interrupt, "x")
    assert not (tmp_path / "done").exists()
    generate_once(tmp_path, make, "its content")
    assert (tmp_path / "done").read_text() == "its content\n"


def test_a_folder_that_cannot_be_created_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataLayoutError, match=r"can't be created .* data\.simulated\.folder"):
        generate_once(tmp_path / "file" / "T1", lambda: None, "x")


def test_different_texts_have_different_hashes() -> None:
    assert hash_text("a") == hash_text("a") != hash_text("b")


def test_the_names_of_cache_folders_stay_as_they_are() -> None:
    # another hash would make every user simulate again
    assert hash_text("MNI152 T1, format 1: mni152, size 32, slices 3") == "e6723650f04b"
