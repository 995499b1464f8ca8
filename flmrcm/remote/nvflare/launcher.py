"""Handing a run over to NVFlare's coordinator: it becomes the server's side of a job."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from flmrcm.errors import FlmrcmError, SiteFailed
from flmrcm.remote.nvflare.session import (
    AUTHORITY,
    NVFlareSettings,
    list_connected,
    open_session,
    write_job_folder,
)
from flmrcm.remote.provision.settings import read_coordinator_settings
from flmrcm.remote.requests import ENDED, OUTPUT, JobRequest, job_file

log = logging.getLogger(__name__)

_POLL = 0.3
_CHECK_EVERY = 3.0
"""Seconds between two reads of the run's output, and of the job's status."""

_FINISHED = "FINISHED"
"""Every final status of a job begins with it."""


@dataclass(frozen=True)
class NVFlareLauncher:
    """A coordinator whose NVFlare server runs.

    Args:
        folder: as `flmrcm deploy nvflare` made it.
    """

    folder: Path

    def list_sites(self) -> frozenset[str]:
        """Return the sites it was deployed for.

        Raises:
            FlmrcmError: no server answers, or its certificate cannot be trusted.
        """
        # only here: other engines do without [nvflare]
        from flmrcm.remote.provision.probe import probe_coordinator

        settings = read_coordinator_settings(self.folder, NVFlareSettings)
        probe_coordinator(f"127.0.0.1:{settings.port}", self.folder / AUTHORITY)
        return frozenset(settings.sites)

    def submit(self, request: JobRequest) -> None:
        """Start a job and show its output until it ends.

        Raises:
            SiteFailed: no site is connected.
            FlmrcmError: the server takes no job, or ended it.
        """
        with open_session(self.folder) as session, TemporaryDirectory() as place:
            folder = Path(place) / f"flmrcm-{request.job}"
            sites = _wait_for_sites(session, request)
            write_job_folder(folder, request.job, request.config, sites)
            number = session.submit_job(str(folder))
            try:
                self._show_output(session, number, request.job)
            except KeyboardInterrupt:  # NVFlare would go on with the job
                session.abort_job(number)
                raise

    def _show_output(self, session: Any, number: str, job: str) -> None:
        """Print the run's output until the run has ended, or NVFlare has ended its job.

        Raises:
            FlmrcmError: NVFlare ended it.
        """
        output, ended = (job_file(self.folder, job, kind) for kind in (OUTPUT, ENDED))
        status, shown, checked = "", 0, time.monotonic()
        while not ended.exists() and not status:
            shown = _print_new(output, shown)
            time.sleep(_POLL)
            if time.monotonic() > checked + _CHECK_EVERY:
                checked, status = time.monotonic(), _read_status(session, number)
        _print_new(output, shown)
        if status.startswith(_FINISHED) and not ended.exists():
            log_file = self.folder / "log.txt"
            raise FlmrcmError(f"NVFlare ended the job ({status}); {log_file} says why.")


def _wait_for_sites(session: Any, request: JobRequest) -> frozenset[str]:
    """Wait for the sites to be connected; return those that are in the end.

    Raises:
        SiteFailed: none is.
    """
    end, announced = time.monotonic() + request.patience, False
    while missing := request.sites - list_connected(session):
        if time.monotonic() > end:
            break
        if not announced:
            log.info("waiting for %s to connect", ", ".join(sorted(missing)))
        announced = True
        time.sleep(1.0)
    if missing == request.sites:
        raise SiteFailed(f"no site is connected (waited {request.patience:g} s).")
    return request.sites - missing


def _print_new(output: Path, shown: int) -> int:
    """Print whole lines after those that were shown; return how many are shown now."""
    lines = output.read_text().splitlines(keepends=True) if output.exists() else []
    whole = [line.rstrip("\n") for line in lines if line.endswith("\n")]
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for line in whole[shown:]:
        console.print(line)
    return len(whole)


def _read_status(session: Any, number: str) -> str:
    """Return a job's final status, `gone` where the server is gone; empty while it runs."""
    try:
        status = str(session.get_job_meta(number)["status"])
    except Exception:  # NVFlare raises a dozen kinds, with no common one
        log.debug("no status of job %s", number, exc_info=True)
        return "gone"
    return status if status.startswith(_FINISHED) else ""
