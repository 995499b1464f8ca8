"""Handing a run over to a coordinator of Flower's: the run is its ServerApp, shown line by line."""

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from flmrcm.errors import FlmrcmError
from flmrcm.remote.flower.command_line import (
    CONNECTION,
    build_environment,
    find_program,
    run_flwr,
    write_connection,
)
from flmrcm.remote.flower.node_registry import read_registry
from flmrcm.remote.provision.settings import read_coordinator_settings
from flmrcm.remote.requests import JobRequest

_APP = Path(__file__).parent / "app"
_STARTED = re.compile(r"Successfully started run (\d+)")
_FLOWERS_OWN = re.compile(
    r"\x1b\[9\dm(INFO|WARNING|ERROR|DEBUG) |Successfully installed|Using SuperLink"
)
_TRACE = "ServerApp raised an exception"
_FRAME = ("╭", "│", "╰")
"""What Flower frames its own errors with."""


@dataclass(frozen=True)
class FlowerLauncher:
    """A coordinator whose SuperLink runs.

    Args:
        folder: as `flmrcm deploy flower` made it.
    """

    folder: Path

    def list_sites(self) -> frozenset[str]:
        """Gives the sites whose keys it has.

        Raises:
            FlmrcmError: no SuperLink, or one whose certificate isn't to be trusted.
        """
        from flmrcm.remote.provision.probe import (
            probe_coordinator,  # only here: other engines do without [flower]
        )

        port = read_coordinator_settings(self.folder).port
        probe_coordinator(f"127.0.0.1:{port}", self.folder / "ca.crt")
        write_connection(self.folder, f"127.0.0.1:{port}")
        return frozenset(read_registry(self.folder).values())

    def submit(self, errand: JobRequest) -> None:
        """Starts a job and shows what it says until it ends.

        Raises:
            FlmrcmError: it couldn't begin.
        """
        with TemporaryDirectory() as place:
            settings = Path(place) / "run.toml"
            job, config = json.dumps(errand.job), json.dumps(errand.config)
            settings.write_text(f"job = {job}\nconfig = {config}\n")
            with subprocess.Popen(  # noqa: S603
                [
                    find_program("flwr"),
                    "run",
                    str(_APP),
                    CONNECTION,
                    "--stream",
                    "-c",
                    str(settings),
                ],
                env={**build_environment(self.folder), "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process:
                numbers: list[str] = []
                try:
                    framed = _show_output(process.stdout or (), numbers)
                except KeyboardInterrupt:
                    process.kill()
                    for number in numbers:
                        run_flwr(self.folder, "stop", number, CONNECTION)
                    raise
        if not numbers:
            said = framed or self.folder / "log.txt"
            raise FlmrcmError(f"Flower couldn't begin the run: {said}")


def _show_output(lines: Iterable[str], numbers: list[str]) -> str:
    """Prints what the run says, without what Flower says; notes Flower's number of the run.

    Returns:
        What Flower framed: its own errors.
    """
    console = Console(markup=False, highlight=False, soft_wrap=True)
    traced, framed = False, list[str]()
    for line in lines:
        if started := _STARTED.search(line):
            numbers.append(started[1])
        traced = traced or _TRACE in line
        if line.startswith(_FRAME):
            framed.append(line.strip("│ \n") if line[0] == "│" else "")
        elif not (traced or started or _FLOWERS_OWN.search(line)):
            console.print(line.rstrip("\n"))
    return " ".join(filter(None, framed))
