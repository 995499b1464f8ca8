"""A run in the coordinator's process: what is to be done lies in a file of the coordinator's."""

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
"""Trains a config in a folder, perhaps from where an earlier try ended, over a connection."""

REQUESTED, OUTPUT, ENDED = "json", "said", "ended"
"""Files of a job: what is to be done, what the run says meanwhile, how it ended."""


@dataclass(frozen=True)
class CoordinatorJob:
    """What is asked of the coordinator; never sent to sites.

    Attributes:
        config: of the run, resolved.
        folder: where it goes.
        resumes: whether a run begun there may be gone on with.
    """

    config: dict[str, Any]
    folder: str
    resumes: bool


@dataclass(frozen=True)
class JobRequest:
    """What a transport has to know to have a job done.

    Attributes:
        job: its name, by which the coordinator's process finds it.
        config: what sites may know of the run.
        sites: of the run.
        patience: seconds to wait for a site that isn't connected.
    """

    job: str
    config: str
    sites: frozenset[str]
    patience: float


def job_file(coordinator: Path, name: str, kind: str) -> Path:
    """Gives where a job's ASKED, SAID or ENDED lies."""
    return coordinator / "jobs" / f"{name}.{kind}"


def write_job(coordinator: Path, job: CoordinatorJob) -> str:
    """Writes a job and gives its name."""
    name = token_hex(8)
    path = job_file(coordinator, name, REQUESTED)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(json.dumps(vars(job)))
    return name


def read_outcome(coordinator: Path, name: str) -> str | None:
    """Gives how a job ended: empty when it went well, else the line; None if it never ended."""
    path = job_file(coordinator, name, ENDED)
    return path.read_text() if path.exists() else None


def run_job(
    coordinator: Path, name: str, open_transport: Callable[[], Transport], train: Train
) -> None:
    """Run a job; how it ends is written beside it.

    Args:
        coordinator: the coordinator's folder.
        name: of the job.
        open_transport: returns what carries the calls to the sites.
        train: runs the training; a floor above gives it.
    """
    log_to_terminal()
    job = CoordinatorJob(**json.loads(job_file(coordinator, name, REQUESTED).read_text()))
    folder, ended = Path(job.folder), job_file(coordinator, name, ENDED)
    try:
        train(
            OmegaConf.create(job.config),
            folder,
            job.resumes,
            lambda parts: connect(parts, folder.name, open_transport()),
        )
    except (FlmrcmError, OSError) as error:
        write_atomically(ended, str(error))
        raise
    except Exception as error:
        write_atomically(ended, f"{type(error).__name__}: {error}")
        raise
    write_atomically(ended, "")


def connect(parts: Setup, run_name: str, transport: Transport) -> Connection:
    """Gives the engine's way to the sites of a run."""
    travels = select_travelling_config(parts.config)
    return Connection(transport, hash_travelling_config(travels), build_run_id(travels, run_name))
