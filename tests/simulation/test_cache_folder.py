"""Laws of folders that are filled once."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.simulation.cache_folder import generate_once, hash_text, track_progress


def test_two_who_start_together_make_it_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[float] = []

    def make() -> None:
        time.sleep(0.3)
        made.append(time.time())

    caplog.set_level(logging.INFO)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: generate_once(tmp_path / "T1", make, "x"), range(2)))
    assert len(made) == 1
    assert "waiting" in caplog.text


def test_a_failure_leaves_no_mark_and_the_next_one_goes_on(tmp_path: Path) -> None:
    def stumble() -> None:
        (tmp_path / "a.h5").touch()
        (tmp_path / ".b.h5.123").touch()
        raise KeyboardInterrupt

    def make() -> None:
        assert (tmp_path / "a.h5").exists(), "what was whole stays"
        assert not (tmp_path / ".b.h5.123").exists(), "what was half is swept away"

    with pytest.raises(KeyboardInterrupt):
        generate_once(tmp_path, stumble, "x")
    assert not (tmp_path / "done").exists()
    generate_once(tmp_path, make, "what it is")
    assert (tmp_path / "done").read_text() == "what it is\n"


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataLayoutError, match=r"data\.simulated\.folder"):
        generate_once(tmp_path / "file" / "T1", lambda: None, "x")


def test_fingerprints_tell_apart() -> None:
    assert hash_text("a") == hash_text("a") != hash_text("b")


def test_progress_hands_on_every_item(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert list(track_progress([1, 2, 3], "sim")) == [1, 2, 3]
    assert "making sim: 3 volumes" in caplog.text
