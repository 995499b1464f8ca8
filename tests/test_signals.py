"""A signal is heard wherever it arrives, also where Python drops what is raised."""

import os
import signal
import sys
import time
import weakref
from collections.abc import Callable

import pytest

from flmrcm.signals import Stopped, raise_signals


class Thing:
    """May be referred to weakly."""


class Dying:
    """A signal arrives in its destructor."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def drop_in_callback(number: int) -> None:
    thing = Thing()
    _reference = weakref.ref(thing, lambda _: signal.raise_signal(number))
    del thing


def drop_in_destructor(number: int) -> None:
    Dying(number)


def wait_after(act: Callable[[], None]) -> None:
    with raise_signals():
        act()
        time.sleep(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("drop", [drop_in_callback, drop_in_destructor])
def test_a_signal_that_python_drops_is_raised_again(capsys, drop, number):
    with pytest.raises(KeyboardInterrupt) as stopped:
        wait_after(lambda: drop(number))
    assert getattr(stopped.value, "number", signal.SIGINT) == number
    assert capsys.readouterr().err == ""


def test_one_that_is_dropped_twice_is_raised_a_third_time():
    def drop_twice() -> None:
        drop_in_callback(signal.SIGTERM)
        thing = Thing()
        _reference = weakref.ref(thing, lambda _: time.sleep(60))
        del thing

    with pytest.raises(Stopped):
        wait_after(drop_twice)


def test_nothing_arrives_after_the_command_has_ended():
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    with raise_signals():
        drop_in_callback(signal.SIGTERM)
    time.sleep(0.1)  # the process would have been ended
    assert handlers == [signal.getsignal(number) for number in signal.valid_signals()]


def test_other_errors_that_python_drops_are_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def fail(_reference):
        raise ValueError("a callback's")

    with raise_signals():
        thing = Thing()
        _reference = weakref.ref(thing, fail)
        del thing
    assert [type(dropped.exc_value) for dropped in told] == [ValueError]


def test_signals_that_are_ignored_or_heeded_already_are_left_alone():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
