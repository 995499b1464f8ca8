"""Whose time is up: counted from when an actor begins, and never against who has replied."""

from types import SimpleNamespace

import pytest

from flmrcm.engines import ray_tasks
from flmrcm.engines.ray_tasks import RayTask, wait_for_tasks


class Clock:
    """A Ray in which nothing takes time but waiting."""

    def __init__(self, **resolves):
        self.now, self.resolves = 0.0, resolves

    def wait(self, refs, timeout):
        first = min(refs, key=lambda ref: self.resolves.get(ref, 1e9))
        left = self.resolves.get(first, 1e9) - self.now
        if timeout is not None and left > timeout:
            self.now += timeout
            return [], refs
        self.now += max(0.0, left)
        return [first], [ref for ref in refs if ref != first]


@pytest.fixture
def at(monkeypatch):
    def started(**resolves):
        clock = Clock(**resolves)
        monkeypatch.setattr(ray_tasks, "monotonic", lambda: clock.now)
        return clock

    return started


def until_over(clock, works, limit):
    """Gives who was over, who was late, and when, until nobody is at work."""
    said = []
    while works:
        over, late = wait_for_tasks(clock, works, limit)
        said += [(work.site, "over", clock.now) for work in over]
        said += [(work.site, "late", clock.now) for work in late]
        works = [work for work in works if work not in (*over, *late)]
    return said


def work(site):
    return RayTask(site, SimpleNamespace(), f"{site}_ready", f"{site}_reply")


def test_an_actors_start_does_not_count(at):
    clock = at(east_ready=60.0, east_reply=64.0)
    assert until_over(clock, [work("east")], limit=5.0) == [("east", "over", 64.0)]


def test_who_never_replies_is_late_and_the_others_are_not(at):
    clock = at(east_ready=0.0, north_ready=1.0, north_reply=5.5)
    said = until_over(clock, [work("east"), work("north")], limit=5.0)
    assert said == [("east", "late", 5.0), ("north", "over", 5.5)]


def test_who_has_replied_while_nobody_looked_is_not_late(at):
    clock, one = at(east_ready=0.0, east_reply=4.0), work("east")
    assert wait_for_tasks(clock, [one], 5.0) == ([], [])
    clock.now = 100.0
    assert wait_for_tasks(clock, [one], 5.0) == ([one], [])


def test_without_a_limit_nobody_is_late(at):
    clock = at(east_ready=0.0, east_reply=1e6)
    assert until_over(clock, [work("east")], float("inf")) == [("east", "over", 1e6)]
