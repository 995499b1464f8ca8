"""Workers: the outcomes don't depend on their number, and a killed one is one clear line."""

import os
from pathlib import Path

import pytest

from flmrcm.prepare.scan import FoundVolume
from flmrcm.prepare.task_pool import WorkerLost, run_tasks
from flmrcm.prepare.volume_task import VolumeOutcome, VolumeTask

TASKS = [
    VolumeTask(
        FoundVolume(str(i), "T1", (Path("x"),)), Path("out"), str(i), f"sub-{i}", "train", "here"
    )
    for i in range(4)
]


def report_process(task):
    return VolumeOutcome(task, {"process": os.getpid()})


def exit_at_once(task):
    os._exit(9)


def test_other_processes_carry_out_all_tasks():
    outcomes = list(run_tasks(report_process, TASKS, 2))
    assert sorted(outcome.task.patient for outcome in outcomes) == ["0", "1", "2", "3"]
    assert os.getpid() not in {outcome.row["process"] for outcome in outcomes}


def test_one_worker_is_this_process():
    outcomes = run_tasks(report_process, TASKS, 1)
    assert [outcome.row["process"] for outcome in outcomes] == [os.getpid()] * 4


def test_no_tasks_have_no_outcomes():
    assert list(run_tasks(report_process, [], 2)) == []


def test_a_killed_worker_is_one_clear_line():
    with pytest.raises(WorkerLost, match="Give the same command again, with fewer workers"):
        list(run_tasks(exit_at_once, TASKS, 2))
