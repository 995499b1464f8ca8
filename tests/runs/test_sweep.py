"""Sweeps: what is missing, what failed, what was done elsewhere."""

from pathlib import Path

from flmrcm.runs.folder import RunFolder
from flmrcm.runs.sweep import Sweep, link_finished_run


def made(path: Path, **config) -> RunFolder:
    folder = RunFolder(path)
    folder.write_config({"method": None, "scenario": None, "strategy": {}} | config)
    folder.mark_done()
    return folder


def test_a_run_named_twice_counts_once(tmp_path):
    sweep = Sweep.begin([tmp_path / "a", tmp_path / "b", tmp_path / "a"])
    assert sweep.describe_progress() == "0 of 2 runs done"


def test_what_is_done_is_not_missing(tmp_path):
    sweep = Sweep.begin([tmp_path / "a", tmp_path / "b"])
    made(tmp_path / "a")
    assert [folder.path.name for folder in sweep.unfinished] == ["b"]
    assert sweep.describe_progress().startswith("1 of 2 runs done, about 0:00:")


def test_every_process_reads_the_same_plan(tmp_path):
    begun = Sweep.begin([tmp_path / "a", tmp_path / "b"])
    assert Sweep.find(tmp_path / "b") == begun


def test_a_failure_keeps_its_reason_until_the_next_try(tmp_path):
    sweep = Sweep.begin([tmp_path / "a"])
    folder = RunFolder(tmp_path / "a")
    folder.mark_failed("site north: no slices")
    assert sweep.list_failures() == [f"{folder.path}: site north: no slices"]
    folder.clear_marks()
    assert sweep.list_failures() == [f"{folder.path}: not done"]


def test_a_run_done_in_another_sweep_is_linked(tmp_path):
    twin = made(tmp_path / "one" / "abc")
    wanted = RunFolder(tmp_path / "two" / "abc")
    wanted.path.mkdir(parents=True)
    assert link_finished_run(wanted, None, None) == twin.path
    assert wanted.done
    assert wanted.path.resolve() == twin.path.resolve()


def test_a_run_that_counts_elsewhere_is_not_linked(tmp_path):
    made(tmp_path / "one" / "abc", scenario="unseen")
    wanted = RunFolder(tmp_path / "two" / "abc")
    assert link_finished_run(wanted, None, "participating") is None
    assert not wanted.path.exists()


def test_a_run_that_was_begun_is_not_replaced_by_a_link(tmp_path):
    made(tmp_path / "one" / "abc")
    begun = RunFolder(tmp_path / "two" / "abc")
    begun.write_config({})
    assert link_finished_run(begun, None, None) is None
    assert not begun.path.is_symlink()
