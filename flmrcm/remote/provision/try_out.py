"""A whole federation on one machine's loopback: started, recorded by process id, ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from flmrcm.errors import FlmrcmError
from flmrcm.remote.layout import PROGRAM, load_services

PIDS = "processes.json"
_PATIENCE = 300.0  # seconds; a busy machine starts slowly
_started_here: dict[int, "subprocess.Popen[bytes]"] = {}
"""By process id. They are to outlive this process; a reference keeps Python from warning."""


def start_federation(folder: Path) -> list[str]:
    """Start the coordinator and every site, wait until each is ready, and return the sites.

    Raises:
        FlmrcmError: a part of it runs already, the transport is not installed, a port is taken,
            or a party ended; in that case all of it is ended.
    """
    if list_running(folder):
        raise FlmrcmError(f"{folder}: runs already; `flmrcm down {folder}` ends it.")
    services = load_services(folder / "coordinator", "coordinator")
    sites = sorted(path.name for path in (folder / "sites").iterdir())
    services.check_ready(folder)
    pids: dict[str, int] = {}
    _start_party(folder, pids, "coordinator")
    # a site that calls before its key is registered may be refused for a minute
    _wait_for_party(folder, "coordinator", partial(services.is_ready, folder))
    for site in sites:
        _start_party(folder, pids, site)
    for site in sites:
        _wait_for_party(folder, site, partial(services.has_joined, folder, site))
    return sites


def stop_federation(folder: Path) -> list[str]:
    """End the parties that still run, and return their names."""
    alive = list_running(folder)
    for pid in alive.values():
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 60
    while list_running(folder) and time.monotonic() < end:
        time.sleep(0.2)
    for pid in list_running(folder).values():
        os.killpg(pid, signal.SIGKILL)
    (folder / PIDS).unlink(missing_ok=True)
    for process in _started_here.values():
        process.poll()
    return sorted(alive)


def list_running(folder: Path) -> dict[str, int]:
    """Return the process ids of the parties that still run, by name."""
    path = folder / PIDS
    recorded: Mapping[str, int] = json.loads(path.read_text()) if path.exists() else {}
    return {name: pid for name, pid in recorded.items() if _is_ours(pid, folder)}


def _start_party(folder: Path, pids: dict[str, int], name: str) -> None:
    """Start a party and record its process id."""
    role = name if name == "coordinator" else "site"
    own = _find_folder(folder, name)
    with (own / "out.txt").open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", PROGRAM, role, str(own)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    _started_here[process.pid] = process
    pids[name] = process.pid
    (folder / PIDS).write_text(json.dumps(pids, indent=1))


def _is_ours(pid: int, folder: Path) -> bool:
    """Return whether a process is a party of this folder: process ids are used again."""
    if pid in _started_here:
        return _started_here[pid].poll() is None
    shown = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "stat=,args=", "-p", str(pid)],  # noqa: S607
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    return PROGRAM in shown and str(folder) in shown and not shown.startswith("Z")


def _wait_for_party(folder: Path, name: str, ready: Callable[[], bool]) -> None:
    """Wait for a party.

    Raises:
        FlmrcmError: it ended (its last line is the error, and all parties are ended), or takes too
            long.
    """
    end = time.monotonic() + _PATIENCE
    while not ready():
        for ended in sorted({"coordinator", name} - list_running(folder).keys()):
            lines = (_find_folder(folder, ended) / "out.txt").read_text().strip().splitlines()
            stop_federation(folder)
            raise FlmrcmError(lines[-1] if lines else f"{ended}: ended at once.")
        if time.monotonic() > end:
            log = _find_folder(folder, name) / "log.txt"
            raise FlmrcmError(f"{name}: not up after {_PATIENCE:g} s; see {log}.")
        time.sleep(0.5)


def _find_folder(folder: Path, name: str) -> Path:
    return folder / name if name == "coordinator" else folder / "sites" / name
