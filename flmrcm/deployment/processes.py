"""Flower's long-lived processes: the coordinator's SuperLink, a site's SuperNode."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from flmrcm.deployment.certificates import check_coordinator
from flmrcm.deployment.flower_home import (
    COORDINATOR,
    environment,
    read_yaml,
    tool,
    write_home,
)
from flmrcm.deployment.probe import NobodyThere, check_free, probe
from flmrcm.deployment.register import registered
from flmrcm.errors import FlmrcmError

log = logging.getLogger(__name__)

_ASKS_AGAIN = 5.0
"""Seconds between two looks for a coordinator."""


def serve_coordinator(folder: Path) -> None:
    """Runs the coordinator's SuperLink until it's stopped.

    Raises:
        FlmrcmError: a bad certificate, a taken port, or the SuperLink ended by itself.
    """
    settings = read_yaml(folder / "coordinator.yaml")
    check_coordinator(folder / "server.crt", folder / "ca.crt")
    host, port = settings["listens_on"], settings["port"]
    check_free(host, port)
    write_home(folder, f"127.0.0.1:{port}")
    words = [
        "--ssl-ca-certfile", folder / "ca.crt", "--ssl-certfile", folder / "server.crt",
        "--ssl-keyfile", folder / "server.key", "--enable-supernode-auth",
        "--disable-runtime-dependency-installation", "--database", folder / "state.db",
        "--host", host, "--port", port,
    ]  # fmt: skip
    with _Child([tool("flower-superlink"), *words], folder) as child:
        child.wait_for(f"127.0.0.1:{port}", folder / "ca.crt")
        sites = registered(folder)
        log.info("coordinator ready at %s for %s", settings["address"], ", ".join(sorted(sites)))
        child.wait()
    if not child.stopped:
        raise FlmrcmError(f"{folder}: the SuperLink ended; {folder / 'log.txt'} tells why.")


def serve_site(folder: Path) -> None:
    """Runs a site's SuperNode until it's stopped, and again whenever it ends.

    Raises:
        FlmrcmError: the coordinator's certificate isn't one to trust, or a port is taken.
    """
    house = read_yaml(folder / "site.yaml")
    address, port = house["coordinator"], house["port"]
    if not (folder / "node.key").exists():
        raise FlmrcmError(f"{folder / 'node.key'}: isn't there; it comes with the deployment.")
    check_free("127.0.0.1", port)
    words = [
        "--root-certificates", folder / "ca.crt", "--superlink", address, "--port", port,
        "--auth-supernode-private-key", folder / "node.key",
        "--node-config", f'house="{folder / "site.yaml"}"',
    ]  # fmt: skip
    while True:
        _await(address, folder / "ca.crt")
        resident = [sys.executable, "-P", "-m", "flmrcm.flower_app.resident", folder / "site.yaml"]
        with _Child(resident, folder), _Child([tool("flower-supernode"), *words], folder) as child:
            log.info("site %s: calls %s", house["site"], address)
            child.wait()
        if child.stopped:
            return
        again = house.get("restart_after", 60)  # sooner, and the coordinator still counts the last
        log.warning("site %s: its SuperNode ended; again in %d s", house["site"], again)
        time.sleep(again)


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


class _Child:
    """A process that ends with this one, its output in `log.txt`."""

    def __init__(self, words: Sequence[object], folder: Path) -> None:
        self.stopped = False
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        own = {**environment(folder), COORDINATOR: str(folder), "PATH": path}
        with (folder / "log.txt").open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603
                list(map(str, words)), env=own, stdout=out, stderr=out
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

    def wait_for(self, address: str, authority: Path) -> None:
        while self._process.poll() is None:
            try:
                probe(address, authority)
                break
            except NobodyThere:
                time.sleep(0.2)

    def _stop(self) -> None:
        self.stopped = True
        self._process.terminate()
