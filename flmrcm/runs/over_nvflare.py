"""Handing a run over to a coordinator of NVFlare's: the run is its server's side of a job."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from flmrcm.deployment.nvflare_home import (
    AUTHORITY,
    NVFlareSettings,
    connected,
    session,
    write_job,
)
from flmrcm.deployment.settings import read_coordinator
from flmrcm.errors import FlmrcmError, SiteFailed
from flmrcm.runs.job import ENDED, SAID, Errand, job_file

log = logging.getLogger(__name__)

_POLL = 0.3
_ASKS_AGAIN = 3.0
"""Seconds between two looks: at what the run says, and at NVFlare's word on the job."""

_FINISHED = "FINISHED"
"""Begins every status of NVFlare's that's a last one."""


@dataclass(frozen=True)
class NVFlareCoordinator:
    """A coordinator whose NVFlare server runs.

    Args:
        folder: as `flmrcm deploy nvflare` made it.
    """

    folder: Path

    def known(self) -> frozenset[str]:
        """Gives the sites it was deployed for.

        Raises:
            FlmrcmError: no server, or one whose certificate isn't to be trusted.
        """
        from flmrcm.deployment.probe import probe  # only here: other engines do without [nvflare]

        settings = read_coordinator(self.folder, NVFlareSettings)
        probe(f"127.0.0.1:{settings.port}", self.folder / AUTHORITY)
        return frozenset(settings.sites)

    def hand_over(self, errand: Errand) -> None:
        """Starts a job and shows what it says until it ends.

        Raises:
            SiteFailed: no site is connected.
            FlmrcmError: the server takes no job, or ended it.
        """
        with session(self.folder) as opened, TemporaryDirectory() as place:
            folder = Path(place) / f"flmrcm-{errand.job}"
            write_job(folder, errand.job, errand.config, _awaited(opened, errand))
            number = opened.submit_job(str(folder))
            try:
                self._show(opened, number, errand.job)
            except KeyboardInterrupt:
                opened.abort_job(number)
                raise

    def _show(self, opened: Any, number: str, job: str) -> None:
        """Prints what the run says until it has ended, by its own word or by NVFlare's.

        Raises:
            FlmrcmError: NVFlare ended it.
        """
        said, ended = (job_file(self.folder, job, kind) for kind in (SAID, ENDED))
        told, shown, asked = "", 0, time.monotonic()
        while not ended.exists() and not told:
            shown = _printed(said, shown)
            time.sleep(_POLL)
            if time.monotonic() > asked + _ASKS_AGAIN:
                asked, told = time.monotonic(), _last_word(opened, number)
        _printed(said, shown)
        if told.startswith(_FINISHED) and not ended.exists():
            log_file = self.folder / "log.txt"
            raise FlmrcmError(f"NVFlare ended the job ({told}); {log_file} tells why.")


def _awaited(opened: Any, errand: Errand) -> frozenset[str]:
    """Waits for the sites to be connected; gives those that are."""
    end, told = time.monotonic() + errand.patience, False
    while missing := errand.sites - connected(opened):
        if time.monotonic() > end:
            break
        if not told:
            log.info("waiting for %s to connect", ", ".join(sorted(missing)))
        told = True
        time.sleep(1.0)
    if missing == errand.sites:
        raise SiteFailed(f"no site is connected (waited {errand.patience:g} s).")
    return errand.sites - missing


def _printed(said: Path, shown: int) -> int:
    """Prints whole lines after those that were shown; gives how many are shown now."""
    lines = said.read_text().splitlines(keepends=True) if said.exists() else []
    whole = [line.rstrip("\n") for line in lines if line.endswith("\n")]
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for line in whole[shown:]:
        console.print(line)
    return len(whole)


def _last_word(opened: Any, number: str) -> str:
    """Gives NVFlare's word on a job that's over, `gone` with its server; else nothing."""
    try:
        status = str(opened.get_job_meta(number)["status"])
    except Exception:  # it has a dozen kinds
        log.debug("no word on job %s", number, exc_info=True)
        return "gone"
    return status if status.startswith(_FINISHED) else ""
