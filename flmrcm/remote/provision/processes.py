"""Processes that end with the one that started them, and coordinators that are waited for."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flmrcm.remote.provision.probe import NoCoordinator, probe_coordinator

log = logging.getLogger(__name__)

_ASKS_AGAIN = 5.0
"""Seconds between two looks for a coordinator."""


_PARENT_DEATH_SIGNAL = 1
"""Linux's PR_SET_PDEATHSIG."""


class ChildProcess:
    """A process that ends with this one, its output in `log.txt`.

    Args:
        words: of its command line.
        folder: whose `log.txt` it is.
        environment: its own; this Python's programs come first in its path.

    Attributes:
        stopped: whether it was asked to end.
    """

    def __init__(
        self, words: Sequence[object], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.stopped = False
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._log = folder / "log.txt"
        with self._log.open("ab") as out:
            self._begun = out.tell()
            self._process = subprocess.Popen(  # noqa: S603
                list(map(str, words)), env={**environment, "PATH": path}, stdout=out, stderr=out,
                preexec_fn=_end_with_parent,
            )  # fmt: skip

    def __enter__(self) -> "ChildProcess":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def wait(self) -> None:
        """Waits until it ends."""
        self._process.wait()

    def wait_for(self, ready: Callable[[], bool]) -> bool:
        """Waits until something is so; tells whether the process still runs then."""
        while self._process.poll() is None and not ready():
            time.sleep(0.2)
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """What `log.txt` got since the process began."""
        with self._log.open("rb") as log_file:
            log_file.seek(self._begun)
            return log_file.read().decode(errors="replace").strip()

    def _stop(self) -> None:
        self.stopped = True
        self._process.terminate()


def _end_with_parent() -> None:
    """Has Linux end this process when the one that started it is gone, even if it was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def wait_for_coordinator(address: str, authority: Path) -> None:
    """Waits for a coordinator to come.

    Raises:
        FlmrcmError: it's a wrong one.
    """
    told = False
    while True:
        try:
            return probe_coordinator(address, authority)
        except NoCoordinator as error:
            if not told:
                log.warning("%s Waiting for it.", error)
            told = True
            time.sleep(_ASKS_AGAIN)
