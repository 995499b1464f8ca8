"""Where a run's loop lives: in this process, or in that of a coordinator it's handed to."""

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import DictConfig
from rich.console import Console

from flmrcm.assembly.abroad import as_text, keeps_data_elsewhere, travelling
from flmrcm.assembly.federation import check
from flmrcm.deployment.flower_home import CONNECTION, environment, flwr, tool, write_home
from flmrcm.deployment.register import sites_by_number
from flmrcm.deployment.settings import read_coordinator
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.job import Job, outcome, put_job
from flmrcm.runs.training import run

_APP = Path(__file__).parents[1] / "flower_app"
_STARTED = re.compile(r"Successfully started run (\d+)")
_FLOWERS_OWN = re.compile(
    r"\x1b\[9\dm(INFO|WARNING|ERROR|DEBUG) |Successfully installed|Using SuperLink"
)
_TRACE = "ServerApp raised an exception"
_FRAME = ("╭", "│", "╰")
"""What Flower frames its own errors with."""


def launch(cfg: DictConfig, folder: RunFolder, resumes: bool) -> None:
    """Runs a training config where its engine has the way to the sites.

    Raises:
        FlmrcmError: one clear line; every whole round is kept.
    """
    if not keeps_data_elsewhere(cfg):
        run(cfg, folder, resumes)
        return
    parts = check(cfg)
    coordinator = Path(str(cfg.engine.federation)).expanduser().resolve()
    _look(coordinator, set(parts.sites))
    name = put_job(coordinator, Job(dict(parts.config), str(folder.path.resolve()), resumes))
    _hand_over(coordinator, name, as_text(travelling(parts.config)))
    ended = outcome(coordinator, name)
    if ended is None:
        raise FlmrcmError(
            f"the coordinator's process ended; start it again ({coordinator / 'start.sh'}), and go "
            f"on with resume={folder.path}."
        )
    if ended:
        raise FlmrcmError(ended)


def _look(coordinator: Path, sites: set[str]) -> None:
    """Looks whether the coordinator is there and knows the sites.

    Raises:
        FlmrcmError: no SuperLink, or one whose certificate isn't to be trusted.
        ConfigErrors: sites that it doesn't know.
    """
    from flmrcm.deployment.probe import probe  # only here: other engines do without [flower]

    port = read_coordinator(coordinator).port
    probe(f"127.0.0.1:{port}", coordinator / "ca.crt")
    write_home(coordinator, f"127.0.0.1:{port}")
    known = set(sites_by_number(coordinator).values())
    if unknown := sorted(sites - known):
        raise ConfigErrors(
            [
                f"sites.{site}: the coordinator has no key of that name; it knows "
                f"{', '.join(sorted(known))}."
                for site in unknown
            ]
        )


def _hand_over(coordinator: Path, job: str, config: str) -> None:
    """Starts the run at the coordinator and shows what it says until it ends.

    Raises:
        FlmrcmError: it couldn't begin.
    """
    with TemporaryDirectory() as place:
        settings = Path(place) / "run.toml"
        settings.write_text(f"job = {json.dumps(job)}\nconfig = {json.dumps(config)}\n")
        with subprocess.Popen(  # noqa: S603
            [tool("flwr"), "run", str(_APP), CONNECTION, "--stream", "-c", str(settings)],
            env={**environment(coordinator), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            numbers: list[str] = []
            try:
                framed = _show(process.stdout or (), numbers)
            except KeyboardInterrupt:
                process.kill()
                for number in numbers:
                    flwr(coordinator, "stop", number, CONNECTION)
                raise
    if not numbers:
        raise FlmrcmError(f"Flower couldn't begin the run: {framed or coordinator / 'log.txt'}")


def _show(lines: Iterable[str], numbers: list[str]) -> str:
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
