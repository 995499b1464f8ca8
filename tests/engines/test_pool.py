"""Pools: which calls are late, and that a lost, late or faulty worker costs its site one line."""

import os
from functools import partial
from threading import Event
from types import SimpleNamespace

import pytest
from kits.engines import clients, engine_of, messages, needs_ray

from flmrcm.engines import pool
from flmrcm.engines.pool import PoolTask, wait_for_tasks
from flmrcm.engines.processes import Processes
from flmrcm.engines.ray import RayActors
from flmrcm.strategies.fedavg import FedAvg


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


def faulty(root, folder, own_pid):
    """Return clients: south has a bug, and in other processes west dies and north hangs."""
    built = clients(root, FedAvg(), folder)
    built["south"].call = lambda *_: [][1]
    if os.getpid() != own_pid:
        built["west"].call = lambda *_: os._exit(1)
        built["north"].call = lambda *_: Event().wait()  # without end
    return built


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(partial(Processes, workers=1), id="processes"),
        pytest.param(partial(RayActors, actors=1, threads=1), id="ray", marks=needs_ray),
    ],
)
def engine(request, clinics, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    engine = engine_of(request.param, clinics, FedAvg(), folder)
    engine.factory = partial(faulty, clinics, folder, os.getpid())
    yield engine
    engine.close()


def test_a_killed_worker_and_a_bug_are_one_line_each_and_another_worker_goes_on(engine):
    south, west = engine.call("train", messages(("south", "west")))
    assert south.error == "site south, round 0: IndexError: list index out of range"
    assert west.error == "site west, round 0: its process ended (killed, or out of memory)."
    (again,) = engine.call("train", messages(("east",)))
    assert again.error is None


def test_a_late_site_is_one_line_keeps_its_old_memory_and_delays_no_other(engine):
    before = engine.snapshot()
    (late,) = engine.call("train", messages(("north",)), timeout=0.5)
    assert late.error == "site north, round 0: no reply within 0.5 s (robust.timeout)."
    assert engine.snapshot() == before
    (next_one,) = engine.call("train", messages(("east",)), timeout=300)
    assert next_one.error is None
