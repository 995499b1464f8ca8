"""Handing a run over to Flower's coordinator: it becomes a ServerApp, shown line by line."""

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
_FLOWER_OUTPUT = re.compile(
    r"\x1b\[9\dm(INFO|WARNING|ERROR|DEBUG) |Successfully installed|Using SuperLink"
)
_TRACE = "ServerApp raised an exception"
_FRAME = ("╭", "│", "╰")
"""The first characters of the frame that Flower draws around its own errors."""


@dataclass(frozen=True)
class FlowerLauncher:
    """A coordinator whose SuperLink runs.

    Args:
        folder: as `flmrcm deploy flower` made it.
    """

    folder: Path

    def list_sites(self) -> frozenset[str]:
        """Return the sites whose keys it has.

        Raises:
            FlmrcmError: no SuperLink answers, or its certificate cannot be trusted.
        """
        # only here: other engines do without [flower]
        from flmrcm.remote.provision.probe import probe_coordinator

        port = read_coordinator_settings(self.folder).port
        probe_coordinator(f"127.0.0.1:{port}", self.folder / "ca.crt")
        write_connection(self.folder, f"127.0.0.1:{port}")
        return frozenset(read_registry(self.folder).values())

    def submit(self, request: JobRequest) -> None:
        """Start a job and show its output until it ends.

        Raises:
            FlmrcmError: it could not begin.
        """
        with TemporaryDirectory() as folder:
            settings = Path(folder) / "run.toml"
            job, config = json.dumps(request.job), json.dumps(request.config)
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
                except KeyboardInterrupt:  # Flower would go on with the run
                    process.kill()
                    for number in numbers:
                        run_flwr(self.folder, "stop", number, CONNECTION)
                    raise
        if not numbers:
            reason = framed or self.folder / "log.txt"
            raise FlmrcmError(f"Flower couldn't begin the run: {reason}")


def _show_output(lines: Iterable[str], numbers: list[str]) -> str:
    """Print the run's output without Flower's own; append Flower's number of the run.

    Returns:
        Flower's own errors, which it frames.
    """
    console = Console(markup=False, highlight=False, soft_wrap=True)
    traced, framed = False, list[str]()
    for line in lines:
        if started := _STARTED.search(line):
            numbers.append(started[1])
        traced = traced or _TRACE in line
        if line.startswith(_FRAME):
            framed.append(line.strip("│ \n") if line[0] == "│" else "")
        elif not (traced or started or _FLOWER_OUTPUT.search(line)):
            console.print(line.rstrip("\n"))
    return " ".join(filter(None, framed))
