"""Checkpoints: a killed process costs its round, and leaves nothing behind for good."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flmrcm.federation.checkpoint import Checkpoint, CheckpointFolder, read_checkpoint
from flmrcm.federation.memory import MemoryStore

CHECKPOINT = Checkpoint(0, {"w": torch.ones(2)}, {}, {}, best_score=30.0, best_round=0)


@pytest.fixture
def dead():
    """Return the process id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def list_hidden(folder):
    return sorted(path.name for path in folder.rglob(".*"))


def test_opening_a_folder_deletes_what_killed_processes_left(tmp_path, dead):
    CheckpointFolder(tmp_path, 0, {}).save(CHECKPOINT)
    os.link(tmp_path / "last.pt", tmp_path / f".last.pt.{dead}")
    (tmp_path / f".round_0001.pt.{dead}").write_bytes(b"half")
    opened = CheckpointFolder(tmp_path, 0, {}).load()
    assert opened.round == 0
    assert list_hidden(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"best.pt", "last.pt", "round_0000.pt"}


@pytest.mark.parametrize(("keep_every", "kept"), [(0, {4, 5}), (2, {1, 3, 4, 5})])
def test_the_last_two_stay_and_every_so_many(tmp_path, keep_every, kept):
    folder = CheckpointFolder(tmp_path, keep_every, {})
    for round_ in range(6):
        folder.save(replace(CHECKPOINT, round=round_))
    assert {path.name for path in tmp_path.glob("round_*.pt")} == {f"round_{r:04}.pt" for r in kept}


def test_the_ten_thousandth_round_is_newer_than_those_before(tmp_path):
    folder = CheckpointFolder(tmp_path, 0, {})
    for round_ in range(9998, 10002):
        folder.save(replace(CHECKPOINT, round=round_))
    kept = {path.name for path in tmp_path.glob("round_*.pt")}
    assert kept == {"round_10000.pt", "round_10001.pt"}
    assert CheckpointFolder(tmp_path, 0, {}).load().round == 10001


def test_a_file_that_is_no_rounds_checkpoint_is_left_alone(tmp_path):
    folder, kept = CheckpointFolder(tmp_path, 0, {}), tmp_path / "round_0000 (copy).pt"
    folder.save(CHECKPOINT)
    kept.write_bytes(b"a person's own")
    for round_ in range(1, 4):
        folder.save(replace(CHECKPOINT, round=round_))
    assert kept.exists()
    assert folder.load().round == 3


@pytest.mark.parametrize("keep_every", [1, 0])
def test_a_run_that_goes_back_has_the_best_round_of_those_before_or_none(tmp_path, keep_every):
    folder = CheckpointFolder(tmp_path, keep_every, {})
    for round_ in range(3):
        folder.save(replace(CHECKPOINT, round=round_))
    folder.save(replace(CHECKPOINT, round=3, best_round=3, best_score=40.0, fine_tuned=True))
    back = CheckpointFolder(tmp_path, keep_every, {}).load(before=3)
    assert (back.round, back.best_score, back.best_round) == (2, 30.0, 0)
    best = tmp_path / "best.pt"
    assert read_checkpoint(best).round == 0 if keep_every else not best.exists()


def test_a_reopened_folder_still_knows_which_memories_its_checkpoints_need(tmp_path):
    for round_ in range(3):
        folder = CheckpointFolder(tmp_path, 0, {})
        folder.load()
        kept = folder.save(replace(CHECKPOINT, round=round_, memory={"here": round_}))
    assert {memory["here"] for memory in kept} == {0, 1, 2}  # 0 is the best


def test_the_runs_tables_are_on_the_device_before_the_checkpoint(tmp_path, monkeypatch):
    synced = []
    note = lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink().name)  # noqa: E731
    monkeypatch.setattr("os.fsync", note)
    for name in ("journal.csv", "ledger.csv", "scores.csv"):
        (tmp_path / name).touch()
    CheckpointFolder(tmp_path / "checkpoints", 0, {}).save(CHECKPOINT)
    assert sorted(synced[:3]) == ["journal.csv", "ledger.csv", "scores.csv"]
    assert synced[3].startswith(".round_0000.pt")


def test_what_a_living_process_writes_stays(tmp_path):
    (tmp_path / f".round_0001.pt.{os.getppid()}").write_bytes(b"half")
    CheckpointFolder(tmp_path, 0, {}).load()
    assert list_hidden(tmp_path) == [f".round_0001.pt.{os.getppid()}"]


def test_a_memory_that_a_killed_process_was_writing_is_forgotten_too(tmp_path, dead):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f".round_0000.pt.{dead}").write_bytes(b"half")
    MemoryStore(tmp_path).forget_before([])
    assert list_hidden(tmp_path) == []
