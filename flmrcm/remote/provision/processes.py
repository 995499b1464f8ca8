"""Child processes that end with their parent, and waiting for a coordinator."""

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

_RETRY_EVERY = 5.0
"""Seconds between two attempts to reach a coordinator."""

_PARENT_DEATH_SIGNAL = 1
"""Linux's PR_SET_PDEATHSIG."""


class ChildProcess:
    """A process that ends with this one, its output in `log.txt`.

    Args:
        words: of its command line.
        folder: of the file `log.txt`.
        environment: its own variables; this Python's programs come first in its path.
        programs: a folder of programs that come even before these.

    Attributes:
        stopped: whether a signal has stopped it.
    """

    def __init__(
        self,
        words: Sequence[object],
        folder: Path,
        environment: Mapping[str, str],
        programs: Path | None = None,
    ) -> None:
        self.stopped = False
        first = [*([programs] if programs else []), Path(sys.executable).parent]
        path = os.pathsep.join([*map(str, first), os.environ.get("PATH", "")])
        self._log = folder / "log.txt"
        with self._log.open("ab") as out:
            self._start = out.tell()
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
        try:  # time to write what is unwritten, then by force
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def wait(self) -> None:
        """Wait until it ends."""
        self._process.wait()

    def wait_for(self, ready: Callable[[], bool]) -> bool:
        """Wait until a condition holds or the process ends; return whether it still runs."""
        while self._process.poll() is None and not ready():
            time.sleep(0.2)
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """The process's own part of `log.txt`."""
        with self._log.open("rb") as log_file:
            log_file.seek(self._start)
            return log_file.read().decode(errors="replace").strip()

    def _stop(self) -> None:
        self.stopped = True
        self._process.terminate()


def _end_with_parent() -> None:
    """Have Linux end this process when its parent has ended, even if it was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def wait_for_coordinator(address: str, authority: Path) -> None:
    """Wait until a coordinator answers.

    Raises:
        FlmrcmError: another program answers, or a certificate cannot be trusted.
    """
    announced = False
    while True:
        try:
            return probe_coordinator(address, authority)
        except NoCoordinator as error:
            if not announced:
                log.warning("%s Waiting for it.", error)
            announced = True
            time.sleep(_RETRY_EVERY)
