"""Progress of `flmrcm reconstruct`: a bar of slices with the time left, else some log lines."""

import logging

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from flmrcm.reports.tables.transient_bar import TransientBar

log = logging.getLogger(__name__)

_MOST_LINES = 10


class SliceProgress(TransientBar):
    """Shows how far a list of scans has come, while the block runs.

    Args:
        n_slices: of all scans.
        n_scans: their number.
    """

    def __init__(self, n_slices: int, n_scans: int) -> None:
        super().__init__(
            TextColumn("reconstructing"), BarColumn(), MofNCompleteColumn(), TextColumn("slices,"),
            TimeRemainingColumn(), TextColumn("left"),
        )  # fmt: skip
        self.n_scans, self._done = n_scans, 0
        self._task = self._bar.add_task("", total=n_slices)

    def advance(self, n_slices: int) -> None:
        """Count slices that are reconstructed."""
        self._bar.advance(self._task, n_slices)

    def finish_scan(self, problem: str) -> None:
        """Count a scan, and say why where it couldn't be reconstructed."""
        self._done += not problem
        if problem and self._bar.disable:
            log.warning("left out: %s", problem)
        elif problem:
            self._bar.console.print(f"left out: {problem}", markup=False)
        elif self._bar.disable and self._done % max(1, self.n_scans // _MOST_LINES) == 0:
            log.info("reconstructed %d of %d scans", self._done, self.n_scans)
