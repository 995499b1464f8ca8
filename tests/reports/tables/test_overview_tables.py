"""A line for each run, and what lies in a run's folder."""

import io

import pytest
from kits.runs_on_disk import write_run
from rich.console import Console

from flmrcm.config.changes import Change
from flmrcm.reports.collected.run_overview import list_overviews
from flmrcm.reports.tables.overview_tables import (
    build_changes_table,
    build_overview_table,
    format_age,
    list_files,
)


def lines_of(table) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_199, "1 h"), (3 * 86_400, "3 d"), (-5, "0 s")],
)
def test_an_age_has_one_unit(seconds, age):
    assert format_age(seconds) == age


def test_a_line_says_how_far_a_run_came_and_marks_a_validation(tmp_path):
    write_run(tmp_path / "runs/a")
    (write_run(tmp_path / "runs/b", psnr=30.0) / "done").unlink()
    runs = list_overviews([tmp_path])
    title, *_, first, second = lines_of(build_overview_table(runs, now=runs[0].changed + 120))
    assert title.split()[:3] == ["2", "runs", "below"]
    assert first.split() == ["a", "done", "FL-MR", "sim_h", "1", "val", "31.00", "2", "min"]
    assert second.split()[:3] == ["b", "stopped", "2/2"]


def test_values_are_written_as_configs_write_them():
    changes = [
        Change("loss._target_", "flmrcm.learning.losses.L2", "flmrcm.learning.losses.L1"),
        Change("pooled", True, False), Change("robust.quorum", None, 3),
        Change("mask.accelerations", [4, 8], [4]), Change("engine.threads", 1, None),
    ]  # fmt: skip
    rows = [line.split() for line in lines_of(build_changes_table(changes))[3:]]
    assert rows == [
        ["loss._target_", "L2", "L1"], ["pooled", "true", "false"], ["robust.quorum", "null", "3"],
        ["mask.accelerations", "4,", "8", "4"], ["engine.threads", "1", "–"],
    ]  # fmt: skip


def test_files_are_counted_with_their_size_hidden_ones_left_out(tmp_path):
    (tmp_path / "checkpoints/memory").mkdir(parents=True)
    (tmp_path / "checkpoints/memory/a.pt").write_bytes(bytes(2000))
    (tmp_path / "run.log").write_text("12345")
    (tmp_path / ".lock").touch()
    rows = [line.split() for line in lines_of(list_files(tmp_path))[3:]]
    assert rows == [["checkpoints/", "1", "2.0", "kB"], ["run.log", "5", "bytes"]]
