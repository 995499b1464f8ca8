"""Jobs: a run in the coordinator's process, described in a file of the coordinator's folder."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from omegaconf import DictConfig, OmegaConf

from flmrcm.config.setup import Setup
from flmrcm.config.travelling import build_run_id, hash_travelling_config, select_travelling_config
from flmrcm.errors import FlmrcmError
from flmrcm.files import write_atomically
from flmrcm.logs import log_to_terminal
from flmrcm.remote.connection import Connection, Transport

Train = Callable[[DictConfig, Path, bool, Callable[[Setup], Connection]], None]
"""Trains a config in a folder over a connection; the flag allows it to resume a run."""

REQUESTED, OUTPUT, ENDED = "json", "output", "ended"
"""Endings of a job's files: the request, the run's output, its outcome."""


@dataclass(frozen=True)
class CoordinatorJob:
    """A run as the coordinator's process reads it; never sent to sites.

    Attributes:
        config: of the run, resolved.
        folder: of the run.
        resumes: whether a run that began there may go on.
    """

    config: dict[str, Any]
    folder: str
    resumes: bool


@dataclass(frozen=True)
class JobRequest:
    """A job as a transport starts it.

    Attributes:
        job: its name, by which the coordinator's process finds its file.
        config: the run's travelling config, JSON.
        sites: of the run.
        patience: seconds to wait for a site that is not connected.
    """

    job: str
    config: str
    sites: frozenset[str]
    patience: float


def job_file(coordinator: Path, name: str, kind: str) -> Path:
    """Return a job's file of a kind: REQUESTED, OUTPUT or ENDED."""
    return coordinator / "jobs" / f"{name}.{kind}"


def write_job(coordinator: Path, job: CoordinatorJob) -> str:
    """Write a job and return its name."""
    name = token_hex(8)
    path = job_file(coordinator, name, REQUESTED)
    # the config holds the coordinator's own paths, so no other user may read it
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(json.dumps(vars(job)))
    return name


def read_outcome(coordinator: Path, name: str) -> str | None:
    """Return a job's outcome: empty for success, else a line of error; None before its end."""
    path = job_file(coordinator, name, ENDED)
    return path.read_text() if path.exists() else None


def run_job(
    coordinator: Path, name: str, open_transport: Callable[[], Transport], train: Train
) -> None:
    """Run a job and write its outcome beside it.

    Args:
        coordinator: the coordinator's folder.
        name: of the job.
        open_transport: returns the transport to the sites.
        train: runs the training; passed in, because it belongs to a floor above.
    """
    log_to_terminal()
    job = CoordinatorJob(**json.loads(job_file(coordinator, name, REQUESTED).read_text()))
    folder, ended = Path(job.folder), job_file(coordinator, name, ENDED)
    try:
        train(
            OmegaConf.create(job.config),
            folder,
            job.resumes,
            lambda setup: connect(setup, folder.name, open_transport()),
        )
    except (FlmrcmError, OSError) as error:
        write_atomically(ended, str(error))
        raise  # the transport must know that the run failed, too
    except Exception as error:
        write_atomically(ended, f"{type(error).__name__}: {error}")
        raise
    write_atomically(ended, "")


def connect(setup: Setup, run_name: str, transport: Transport) -> Connection:
    """Return a run's connection to its sites over a transport."""
    travels = select_travelling_config(setup.config)
    return Connection(transport, hash_travelling_config(travels), build_run_id(travels, run_name))
