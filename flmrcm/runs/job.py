"""A run in the coordinator's process: what is to be done lies in a file of the coordinator's."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from omegaconf import OmegaConf

from flmrcm.assembly.abroad import experiment_of, travel_hash, travelling
from flmrcm.assembly.parts import Parts
from flmrcm.engines.abroad import Reach
from flmrcm.engines.transport import Transport
from flmrcm.errors import FlmrcmError
from flmrcm.files import put
from flmrcm.logs import log_to_terminal
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.training import run

ASKED, SAID, ENDED = "json", "said", "ended"
"""Files of a job: what is to be done, what the run says meanwhile, how it ended."""


@dataclass(frozen=True)
class Job:
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
class Errand:
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


def put_job(coordinator: Path, job: Job) -> str:
    """Writes a job and gives its name."""
    name = token_hex(8)
    path = job_file(coordinator, name, ASKED)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(json.dumps(vars(job)))
    return name


def outcome(coordinator: Path, name: str) -> str | None:
    """Gives how a job ended: empty when it went well, else the line; None if it never ended."""
    path = job_file(coordinator, name, ENDED)
    return path.read_text() if path.exists() else None


def do_job(coordinator: Path, name: str, connected: Callable[[], Transport]) -> None:
    """Does a job; how it ends is written beside it.

    Args:
        coordinator: the coordinator's folder.
        name: of the job.
        connected: gives the way to the sites.
    """
    log_to_terminal()
    job = Job(**json.loads(job_file(coordinator, name, ASKED).read_text()))
    folder, ended = RunFolder(Path(job.folder)), job_file(coordinator, name, ENDED)
    try:
        run(
            OmegaConf.create(job.config),
            folder,
            job.resumes,
            lambda parts: reach(parts, folder.path.name, connected()),
        )
    except (FlmrcmError, OSError) as error:
        put(ended, str(error))
        raise
    except Exception as error:
        put(ended, f"{type(error).__name__}: {error}")
        raise
    put(ended, "")


def reach(parts: Parts, run_name: str, transport: Transport) -> Reach:
    """Gives the engine's way to the sites of a run."""
    travels = travelling(parts.config)
    return Reach(transport, travel_hash(travels), experiment_of(travels, run_name))
