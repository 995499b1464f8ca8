"""Handing a run over to a coordinator of NVFlare's: the run is its server's side of a job."""

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
_ASKS_AGAIN = 3.0
"""Seconds between two looks: at what the run says, and at NVFlare's word on the job."""

_FINISHED = "FINISHED"
"""Begins every status of NVFlare's that's a last one."""


@dataclass(frozen=True)
class NVFlareLauncher:
    """A coordinator whose NVFlare server runs.

    Args:
        folder: as `flmrcm deploy nvflare` made it.
    """

    folder: Path

    def list_sites(self) -> frozenset[str]:
        """Gives the sites it was deployed for.

        Raises:
            FlmrcmError: no server, or one whose certificate isn't to be trusted.
        """
        from flmrcm.remote.provision.probe import (
            probe_coordinator,  # only here: other engines do without [nvflare]
        )

        settings = read_coordinator_settings(self.folder, NVFlareSettings)
        probe_coordinator(f"127.0.0.1:{settings.port}", self.folder / AUTHORITY)
        return frozenset(settings.sites)

    def submit(self, errand: JobRequest) -> None:
        """Starts a job and shows what it says until it ends.

        Raises:
            SiteFailed: no site is connected.
            FlmrcmError: the server takes no job, or ended it.
        """
        with open_session(self.folder) as opened, TemporaryDirectory() as place:
            folder = Path(place) / f"flmrcm-{errand.job}"
            write_job_folder(folder, errand.job, errand.config, _wait_for_sites(opened, errand))
            number = opened.submit_job(str(folder))
            try:
                self._show_output(opened, number, errand.job)
            except KeyboardInterrupt:
                opened.abort_job(number)
                raise

    def _show_output(self, opened: Any, number: str, job: str) -> None:
        """Prints what the run says until it has ended, by its own word or by NVFlare's.

        Raises:
            FlmrcmError: NVFlare ended it.
        """
        said, ended = (job_file(self.folder, job, kind) for kind in (OUTPUT, ENDED))
        told, shown, asked = "", 0, time.monotonic()
        while not ended.exists() and not told:
            shown = _print_new(said, shown)
            time.sleep(_POLL)
            if time.monotonic() > asked + _ASKS_AGAIN:
                asked, told = time.monotonic(), _read_status(opened, number)
        _print_new(said, shown)
        if told.startswith(_FINISHED) and not ended.exists():
            log_file = self.folder / "log.txt"
            raise FlmrcmError(f"NVFlare ended the job ({told}); {log_file} tells why.")


def _wait_for_sites(opened: Any, errand: JobRequest) -> frozenset[str]:
    """Waits for the sites to be connected; gives those that are."""
    end, told = time.monotonic() + errand.patience, False
    while missing := errand.sites - list_connected(opened):
        if time.monotonic() > end:
            break
        if not told:
            log.info("waiting for %s to connect", ", ".join(sorted(missing)))
        told = True
        time.sleep(1.0)
    if missing == errand.sites:
        raise SiteFailed(f"no site is connected (waited {errand.patience:g} s).")
    return errand.sites - missing


def _print_new(said: Path, shown: int) -> int:
    """Prints whole lines after those that were shown; gives how many are shown now."""
    lines = said.read_text().splitlines(keepends=True) if said.exists() else []
    whole = [line.rstrip("\n") for line in lines if line.endswith("\n")]
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for line in whole[shown:]:
        console.print(line)
    return len(whole)


def _read_status(opened: Any, number: str) -> str:
    """Gives NVFlare's word on a job that's over, `gone` with its server; else nothing."""
    try:
        status = str(opened.get_job_meta(number)["status"])
    except Exception:  # it has a dozen kinds
        log.debug("no word on job %s", number, exc_info=True)
        return "gone"
    return status if status.startswith(_FINISHED) else ""
