"""The queue of files: in order, in the end all there; nothing follows a task that failed."""

import threading
from functools import partial

import pytest

from flmrcm.file_queue import FileQueue, FileThread


class DiskFullError(OSError):
    """What a task of these tests fails with."""


def fail():
    raise DiskFullError


@pytest.mark.parametrize("make", [FileQueue, FileThread, partial(FileThread, 1)])
def test_tasks_are_done_in_the_order_they_came(make):
    done = []
    with make() as files:
        for number in range(20):
            files.put(partial(done.append, number))
    assert done == [*range(20)]


def test_a_thread_lets_the_program_go_on_until_too_many_tasks_wait():
    gate, third = threading.Event(), threading.Event()
    with FileThread(most=2) as files:
        files.put(gate.wait)
        files.put(lambda: None)
        later = threading.Thread(target=lambda: (files.put(lambda: None), third.set()))
        later.start()
        put_at_once = third.wait(0.2)
        gate.set()
        assert third.wait(60)
        later.join()
    assert not put_at_once  # the third waited for the first


@pytest.mark.parametrize("make", [FileQueue, FileThread])
def test_what_fails_is_told_and_nothing_behind_it_is_done(make):
    done = []

    def work():
        with make() as files:
            files.put(partial(done.append, "before"))
            files.put(fail)
            files.put(partial(done.append, "behind"))

    with pytest.raises(DiskFullError):
        work()
    assert done == ["before"]


def test_an_error_of_the_program_comes_before_that_of_a_file_which_is_told(caplog):
    files = FileThread()

    def work():
        with files:
            files.put(fail)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(caplog.records) == 1


def test_what_was_begun_is_there_when_the_program_is_interrupted():
    done, gate = [], threading.Event()

    def work():
        with FileThread() as files:
            files.put(lambda: (gate.wait(), done.append(1)))
            threading.Timer(0.2, gate.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]


def test_a_queue_can_be_used_again_after_an_error():
    files, done = FileThread(), []
    with pytest.raises(DiskFullError), files:
        files.put(fail)
    with files:
        files.put(partial(done.append, 1))
    assert done == [1]
