"""What `flmrcm prepare` shows."""

import logging
from pathlib import Path

from rich.console import Console

from flmrcm.prepare.scan import FoundVolume
from flmrcm.prepare.volume_task import VolumeOutcome, VolumeTask
from flmrcm.reports.tables.prepare_tables import (
    build_planned_table,
    build_prepared_table,
    log_skipped,
    show_progress,
)


def task(i, split="train"):
    result = FoundVolume(str(i), "T1", (Path(f"{i}.nii"),))
    return VolumeTask(result, Path("out"), str(i), f"sub-{i}_T1", split, "here")


def shown(table):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_every_outcome_is_handed_on_and_a_skipped_one_is_said(caplog):
    caplog.set_level(logging.INFO)
    outcomes = [VolumeOutcome(task(1), {}), VolumeOutcome(task(2), problem="2.nii: is constant")]
    assert list(show_progress(outcomes, 2)) == outcomes
    assert "skipped: 2.nii: is constant" in caplog.text
    assert "prepared 2 of 2 volumes" in caplog.text


def test_many_skipped_files_are_counted(caplog):
    log_skipped([f"{i}.nii: names no subject" for i in range(50)])
    assert "19.nii" in caplog.text
    assert "30 more of this kind" in caplog.text
    assert "20.nii" not in caplog.text


def test_the_table_counts_what_is_there_and_what_is_missing():
    tasks = [task(1), task(2, "val"), task(3, "test"), task(4)]
    rows = {t.volume: {"slices": 10, "dropped": {"foreground": 2}} for t in tasks[:3]}
    assert "│ here │ T1       │     1 │   1 │    1 │       1 │     30 │       6 │" in shown(
        build_prepared_table(tasks, rows)
    )


def test_the_table_of_a_dry_run_counts_what_would_be_done():
    tasks = [task(1), task(2, "val")]
    text = shown(build_planned_table(tasks, {tasks[0].volume: {}}))
    assert "│ here │ T1       │     1 │   1 │    0 │        2 │           1 │" in text
