"""Signals that end a command: raised where it is, so that it ends as by Ctrl-C."""

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_AGAIN_AFTER = 0.01
"""Seconds."""


class Stopped(KeyboardInterrupt):
    """The process was asked to end, as by Ctrl-C, but by a signal.

    Args:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def raise_signals() -> Generator[None]:
    """Raise `Stopped` where SIGTERM or SIGHUP would end this process without a word.

    Processes forked from this one, such as loaders, end by them as usual. Outside the main thread
    nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
        if os.getpid() != owner:
            os.kill(os.getpid(), number)
        raise Stopped(number)

    default = signal.SIG_DFL
    watched = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == default]
    for number in watched:
        signal.signal(number, stop)
    try:
        with _dropped_ones_raised_again():
            yield
    finally:
        for number in watched:
            signal.signal(number, default)


@contextmanager
def _dropped_ones_raised_again() -> Generator[None]:
    """Raise what a signal raised once more, a moment later, where Python drops it.

    It drops whatever is raised in a destructor or in a weak reference's callback, of which PyTorch
    runs many: 9 of 339 signals sent to a small training came to nothing.
    """
    tell, main, timers = sys.unraisablehook, threading.get_ident(), list[threading.Timer]()

    def repeat(dropped: "sys.UnraisableHookArgs") -> None:
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            return tell(dropped)
        number = signal.SIGINT
        if isinstance(dropped.exc_value, Stopped):
            number = signal.Signals(dropped.exc_value.number)
        signal.signal(number, handlers[number])
        timers.append(threading.Timer(_AGAIN_AFTER, signal.pthread_kill, (main, number)))
        timers[-1].start()
        return None

    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    sys.unraisablehook = repeat
    try:
        yield
    finally:
        sys.unraisablehook = tell
        for timer in timers:
            timer.cancel()
