"""Laws of workers: the same outcomes however many there are, and a lost one is a line."""

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


def done(task):
    return VolumeOutcome(task, {"process": os.getpid()})


def killed(task):
    os._exit(9)


def test_other_processes_do_all_tasks():
    found = list(run_tasks(done, TASKS, 2))
    assert sorted(outcome.task.patient for outcome in found) == ["0", "1", "2", "3"]
    assert os.getpid() not in {outcome.row["process"] for outcome in found}


def test_one_worker_is_this_process():
    assert [outcome.row["process"] for outcome in run_tasks(done, TASKS, 1)] == [os.getpid()] * 4


def test_nothing_to_do_is_no_trouble():
    assert list(run_tasks(done, [], 2)) == []


def test_a_killed_worker_is_one_line():
    with pytest.raises(WorkerLost, match="type the same command again, with fewer workers"):
        list(run_tasks(killed, TASKS, 2))
