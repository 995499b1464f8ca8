"""Laws of workers: the same outcomes however many there are, and a lost one is a line."""

import os
from pathlib import Path

import pytest

from flmrcm.data.prepare.scan import Found
from flmrcm.data.prepare.volume import Outcome, Task
from flmrcm.data.prepare.workers import WorkerLost, outcomes

TASKS = [
    Task(Found(str(i), "T1", (Path("x"),)), Path("out"), str(i), f"sub-{i}", "train", "here")
    for i in range(4)
]


def done(task):
    return Outcome(task, {"process": os.getpid()})


def killed(task):
    os._exit(9)


def test_other_processes_do_all_tasks():
    found = list(outcomes(done, TASKS, 2))
    assert sorted(outcome.task.patient for outcome in found) == ["0", "1", "2", "3"]
    assert os.getpid() not in {outcome.row["process"] for outcome in found}


def test_one_worker_is_this_process():
    assert [outcome.row["process"] for outcome in outcomes(done, TASKS, 1)] == [os.getpid()] * 4


def test_nothing_to_do_is_no_trouble():
    assert list(outcomes(done, [], 2)) == []


def test_a_killed_worker_is_one_line():
    with pytest.raises(WorkerLost, match="type the same command again, with fewer workers"):
        list(outcomes(killed, TASKS, 2))
