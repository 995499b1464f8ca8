"""What was found in a big site's files is kept, and never believed of a file that changed."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kits.factories import make_source, write_site

from flmrcm.data import file_index
from flmrcm.data.file_index import open_index
from flmrcm.data.h5 import Volume
from flmrcm.data.source import Source
from flmrcm.errors import DataLayoutError

ALL = Volume(
    Path("x.h5"), "site", (3, 4, 20, 16), "reconstruction_rss", (10, 8), is_turned=True,
    acquired=(2, 14), own_mask="ab", exceeds_mask=True, lacks_center=True, recon_shape=(9, 7),
    has_lesion=True,
)  # fmt: skip
LEAST = Volume(Path("x.h5"), "site", (3, 1, 20, 16), None, None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder in which even an index of one file is kept."""
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(file_index, "LEAST", 1)
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "patient.h5").write_bytes(b"one")
    return tmp_path / "patient.h5"


def refuse(path: Path) -> bool:
    raise DataLayoutError(f"{path}: opened")


def answer(text: str) -> Callable[[Path], list[float]]:
    return lambda path: [float(len(text)), float(len(path.read_bytes()))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_site(tmp_path / "site", {"train": (2, 3), "test": (2,)}, size=(8, 8))


def list_unopened(source: Source, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Volume, int]]:
    """Return the training and test slices, where no file can be opened."""
    with monkeypatch.context() as patch:
        for module in ("h5", "stored_sampling", "own_sampling"):
            patch.setattr(f"flmrcm.data.{module}.open_h5", refuse)
        return source.list_examples("train") + source.list_examples("test")


@pytest.mark.parametrize("options", [{}, {"foreground": 0.1}, {"skip_broken": True}])
def test_a_second_start_opens_no_file_and_finds_the_same(folder, monkeypatch, options):
    source = make_source(folder, **options)
    found = source.list_examples("train") + source.list_examples("test")
    assert list_unopened(make_source(folder, **options), monkeypatch) == found


@pytest.mark.parametrize("options", [{"coils": "single"}, {"skip_broken": True}, {"name": "other"}])
def test_files_that_are_read_in_another_way_are_opened(folder, monkeypatch, options):
    make_source(folder).list_examples("train")
    monkeypatch.setattr("flmrcm.data.h5.open_h5", refuse)
    with pytest.raises(DataLayoutError, match=r"opened|every volume .* is broken"):
        make_source(folder, **options).list_examples("train")


@pytest.mark.parametrize("found", [ALL, LEAST, [0.1, 1.0], True, False])
def test_everything_that_can_be_found_comes_back_as_it_was(file, found):
    with open_index("here") as index:
        index.find("it", file, lambda _: found)
    with open_index("here") as index:
        again = index.find("it", file, refuse)
    assert again == (replace(found, path=file) if isinstance(found, Volume) else found)
    assert type(again) is type(found)


def test_a_file_that_changed_is_asked_again(file):
    with open_index("here") as index:
        assert index.find("it", file, answer("a")) == [1, 3]
    for content in (b"twofold", b"TWOFOLD"):
        stat = file.stat()
        file.write_bytes(content)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a copy that keeps times
        with open_index("here") as index:
            assert index.find("it", file, answer("ab")) == [2, 7]
            assert index.n_new == 1


def test_another_question_another_file_and_another_place_have_answers_of_their_own(file, tmp_path):
    (tmp_path / "b.h5").write_bytes(b"four")
    with open_index("here") as index:
        assert index.find("it", file, answer("a")) == [1, 3]
        assert index.find("more", file, answer("ab")) == [2, 3]
        assert index.find("it", tmp_path / "b.h5", answer("abc")) == [3, 4]
    with open_index("there") as index:
        assert index.find("it", file, answer("abcd")) == [4, 3]


def test_an_index_tells_nobody_what_files_are_called(file, cache):
    with open_index(str(file)) as index:
        index.find("it", file, lambda path: replace(LEAST, path=path))
    (kept,) = cache.rglob("*.json")
    assert "patient" not in f"{kept}{kept.read_text()}".removeprefix(str(cache))


def test_what_fails_is_asked_again(file):
    with open_index("here") as index, pytest.raises(DataLayoutError, match="opened"):
        index.find("it", file, refuse)
    with open_index("here") as index:
        assert index.find("it", file, answer("a")) == [1, 3]
    file.unlink()
    with open_index("here") as index, pytest.raises(DataLayoutError, match="opened"):
        index.find("it", file, refuse)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"a": 1}', b'{"a": [[1, 2], true]}', b"\xff"])
def test_a_damaged_index_is_made_anew(file, cache, damage):
    with open_index("here") as index:
        index.find("it", file, answer("a"))
    (kept,) = cache.rglob("*.json")
    whole = kept.read_bytes()
    kept.write_bytes(damage)
    with open_index("here") as index:
        index.find("it", file, answer("a"))
    assert kept.read_bytes() == whole


def test_few_files_and_nothing_new_write_nothing(file, cache, monkeypatch):
    monkeypatch.setattr(file_index, "LEAST", 2)
    with open_index("here") as index:
        index.find("it", file, answer("a"))
    assert not list(cache.rglob("*.json"))
    with open_index("here") as index:
        index.find("it", file, answer("a"))
        index.find("more", file, answer("a"))
    (kept,) = cache.rglob("*.json")
    first = kept.stat().st_ino
    with open_index("here") as index:
        index.find("it", file, refuse)
    assert kept.stat().st_ino == first


def test_a_cache_that_takes_nothing_costs_time_alone(file, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FLMRCM_CACHE", str(file))  # a file, no folder
    caplog.set_level(logging.INFO)
    with open_index("here") as index:
        assert index.find("it", file, answer("a")) == [1, 3]
    assert "not kept: what the files of a big site hold" in caplog.text
