"""Flower's long-lived processes: the coordinator's SuperLink, a site's SuperNode."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flmrcm.deployment.certificates import check_coordinator
from flmrcm.deployment.flower_home import COORDINATOR, RESIDENT, environment, tool, write_home
from flmrcm.deployment.probe import NobodyThere, check_free, probe
from flmrcm.deployment.register import registered
from flmrcm.deployment.settings import read_coordinator, read_node
from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)

_ASKS_AGAIN = 5.0
"""Seconds between two looks for a coordinator."""

_PARENT_DEATH_SIGNAL = 1
"""Linux's PR_SET_PDEATHSIG."""

_TURNED_AWAY = "[code: 2004]"
"""Flower's: the key isn't registered, was struck, or its last node still counts as there."""


def serve_coordinator(folder: Path) -> None:
    """Runs the coordinator's SuperLink until it's stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the SuperLink ended by itself.
    """
    program, settings = tool("flower-superlink"), read_coordinator(folder)
    check_coordinator(folder / "server.crt", folder / "ca.crt")
    host, port = settings.listens_on, settings.port
    check_free(host, port)
    write_home(folder, f"127.0.0.1:{port}")
    words = [
        "--ssl-ca-certfile", folder / "ca.crt", "--ssl-certfile", folder / "server.crt",
        "--ssl-keyfile", folder / "server.key", "--enable-supernode-auth",
        "--disable-runtime-dependency-installation", "--database", folder / "state.db",
        "--host", host, "--port", port,
    ]  # fmt: skip
    with _Child([program, *words], folder) as child:
        if child.wait_for(lambda: _answers(f"127.0.0.1:{port}", folder / "ca.crt")):
            sites = ", ".join(sorted(registered(folder)))
            log.info("coordinator ready at %s for %s", settings.address, sites)
            child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the SuperLink ended; {folder / 'log.txt'} tells why.")


def serve_site(folder: Path) -> None:
    """Runs a site's SuperNode until it's stopped, and again whenever it ends.

    Raises:
        FlmrcmError: the coordinator's certificate isn't one to trust, a port is taken, or the
            site's own file says what can't be.
    """
    program, own = tool("flower-supernode"), read_node(folder)
    if not (folder / "node.key").exists():
        raise FlmrcmError(f"{folder / 'node.key'}: isn't there; it comes with the deployment.")
    check_free("127.0.0.1", own.port)
    words = [
        program, "--root-certificates", folder / "ca.crt", "--superlink", own.coordinator,
        "--auth-supernode-private-key", folder / "node.key", "--port", own.port,
        "--node-config", f'house="{folder / "site.yaml"}"',
    ]  # fmt: skip
    while True:
        _await(own.coordinator, folder / "ca.crt")
        with _resident(folder), _Child(words, folder) as child:
            log.info("site %s: calls %s", own.site, own.coordinator)
            child.wait()
        if child.stopped:
            return
        why = "its SuperNode ended"
        if _TURNED_AWAY in child.said:
            why = "the coordinator doesn't take its key (unknown, struck, or still in use)"
        log.warning("site %s: %s; again in %g s", own.site, why, own.restart_after)
        time.sleep(own.restart_after)


def _await(address: str, authority: Path) -> None:
    """Waits for a coordinator to come; a wrong one ends the waiting."""
    told = False
    while True:
        try:
            return probe(address, authority)
        except NobodyThere as error:
            if not told:
                log.warning("%s Waiting for it.", error)
            told = True
            time.sleep(_ASKS_AGAIN)


def _answers(address: str, authority: Path) -> bool:
    """Tells whether a coordinator answers; a wrong one is an error."""
    try:
        probe(address, authority)
    except NobodyThere:
        return False
    return True


@contextmanager
def _resident(folder: Path) -> Generator[None]:
    """Runs a site's resident process; the block begins when it's ready to be called.

    Raises:
        FlmrcmError: it ended, as it does where the file says what can't be.
    """
    place = folder / RESIDENT
    place.unlink(missing_ok=True)
    words = [sys.executable, "-P", "-m", "flmrcm.flower_app.resident", folder / "site.yaml"]
    with _Child(words, folder) as child:
        if not child.wait_for(place.exists):
            if child.stopped:
                sys.exit()
            raise FlmrcmError(child.said or f"{folder}: its resident process ended.")
        yield


def _ends_with_parent() -> None:
    """Has Linux end this process when the one that started it is gone, even if it was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


class _Child:
    """A process that ends with this one, its output in `log.txt`."""

    def __init__(self, words: Sequence[object], folder: Path) -> None:
        self.stopped = False
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        own = {**environment(folder), COORDINATOR: str(folder), "PATH": path}
        self._log = folder / "log.txt"
        with self._log.open("ab") as out:
            self._begun = out.tell()
            self._process = subprocess.Popen(  # noqa: S603
                list(map(str, words)), env=own, stdout=out, stderr=out, preexec_fn=_ends_with_parent
            )

    def __enter__(self) -> "_Child":
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
        self._process.wait()

    def wait_for(self, ready: Callable[[], bool]) -> bool:
        """Waits until something is so; tells whether the process still runs then."""
        while self._process.poll() is None and not ready():
            time.sleep(0.2)
        return self._process.poll() is None

    @property
    def said(self) -> str:
        """What `log.txt` got since the process began."""
        with self._log.open("rb") as log_file:
            log_file.seek(self._begun)
            return log_file.read().decode(errors="replace").strip()

    def _stop(self) -> None:
        self.stopped = True
        self._process.terminate()
