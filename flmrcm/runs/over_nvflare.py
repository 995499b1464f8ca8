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
from flmrcm.errors import ConfigErrors, FlmrcmError, SiteFailed
from flmrcm.runs.job import ENDED, SAID, Errand, job_file

log = logging.getLogger(__name__)

_POLL = 0.3
_ASKS_AGAIN = 3.0
"""Seconds between two looks: at what the run says, and at NVFlare's word on the job."""


@dataclass(frozen=True)
class NVFlareCoordinator:
    """A coordinator whose NVFlare server runs.

    Args:
        folder: as `flmrcm deploy nvflare` made it.
    """

    folder: Path

    def look(self, sites: frozenset[str]) -> None:
        """Looks whether the coordinator is there and knows the sites.

        Raises:
            FlmrcmError: no server, or one whose certificate isn't to be trusted.
            ConfigErrors: sites that it doesn't know.
        """
        from flmrcm.deployment.probe import probe  # only here: other engines do without [nvflare]

        settings = read_coordinator(self.folder, NVFlareSettings)
        probe(f"127.0.0.1:{settings.port}", self.folder / AUTHORITY)
        known = sorted(settings.sites)
        if unknown := sorted(sites - set(known)):
            raise ConfigErrors(
                [
                    f"sites.{site}: the coordinator has no site of that name; it knows "
                    f"{', '.join(known)}."
                    for site in unknown
                ]
            )

    def hand_over(self, errand: Errand) -> None:
        """Starts a job and shows what it says until it ends.

        Raises:
            SiteFailed: no site is connected.
            FlmrcmError: the server takes no job, or ended.
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
        """Prints what the run says until it has ended, by its own word or by NVFlare's."""
        console = Console(markup=False, highlight=False, soft_wrap=True)
        said, ended = (job_file(self.folder, job, kind) for kind in (SAID, ENDED))
        shown, over, asked = 0, False, time.monotonic()
        while not over:
            over = ended.exists()
            if not over and time.monotonic() > asked + _ASKS_AGAIN:
                asked, over = time.monotonic(), _is_over(opened, number)
            lines = said.read_text().splitlines(keepends=True) if said.exists() else []
            whole = [line for line in lines if line.endswith("\n")]
            for line in whole[shown:]:
                console.print(line.rstrip("\n"))
            shown = len(whole)
            time.sleep(0 if over else _POLL)


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


def _is_over(opened: Any, number: str) -> bool:
    try:
        return str(opened.get_job_meta(number)["status"]).startswith("FINISHED")
    except Exception as error:  # a dozen kinds; what's whole is kept, whichever it was
        log.debug("no word on job %s", number, exc_info=True)
        reason = " ".join(str(error).split())[-200:]
        raise FlmrcmError(f"the coordinator's server doesn't answer any more: {reason}") from None
