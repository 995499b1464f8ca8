"""Which calls are late: counted from when an actor begins, and never one that has replied."""

from types import SimpleNamespace

import pytest

from flmrcm.engines import pool
from flmrcm.engines.pool import PoolTask, wait_for_tasks


class Clock:
    """A pool in which nothing takes time but waiting."""

    def __init__(self, **resolves):
        self.now, self.resolves = 0.0, resolves

    def wait(self, refs, timeout):
        first = min(refs, key=lambda ref: self.resolves.get(ref, 1e9))
        left = self.resolves.get(first, 1e9) - self.now
        if timeout is not None and left > timeout:
            self.now += timeout
            return []
        self.now += max(0.0, left)
        return [first]


@pytest.fixture
def at(monkeypatch):
    def started(**resolves):
        clock = Clock(**resolves)
        monkeypatch.setattr(pool, "monotonic", lambda: clock.now)
        return clock

    return started


def wait_for_all(clock, tasks, limit):
    """Return which calls were done, which were late, and when."""
    events = []
    while tasks:
        done, late = wait_for_tasks(clock.wait, tasks, limit)
        events += [(task.site, "done", clock.now) for task in done]
        events += [(task.site, "late", clock.now) for task in late]
        tasks = [task for task in tasks if task not in (*done, *late)]
    return events


def task(site):
    return PoolTask(site, SimpleNamespace(), f"{site}_ready", f"{site}_reply")


def test_an_actors_start_does_not_count(at):
    clock = at(east_ready=60.0, east_reply=64.0)
    assert wait_for_all(clock, [task("east")], limit=5.0) == [("east", "done", 64.0)]


def test_a_call_without_reply_is_late_and_the_others_are_not(at):
    clock = at(east_ready=0.0, north_ready=1.0, north_reply=5.5)
    events = wait_for_all(clock, [task("east"), task("north")], limit=5.0)
    assert events == [("east", "late", 5.0), ("north", "done", 5.5)]


def test_a_reply_that_waited_unread_is_not_late(at):
    clock, one = at(east_ready=0.0, east_reply=4.0), task("east")
    assert wait_for_tasks(clock.wait, [one], 5.0) == ([], [])
    clock.now = 100.0
    assert wait_for_tasks(clock.wait, [one], 5.0) == ([one], [])


def test_without_a_limit_no_call_is_late(at):
    clock = at(east_ready=0.0, east_reply=1e6)
    assert wait_for_all(clock, [task("east")], float("inf")) == [("east", "done", 1e6)]
