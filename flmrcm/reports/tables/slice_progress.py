"""Progress of `flmrcm reconstruct`: a bar of slices with the time left, else some log lines."""

import logging
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)

_MOST_LINES = 10


class SliceProgress:
    """Shows how far a list of scans has come, while the block runs.

    Args:
        n_slices: of all scans.
        n_scans: their number.
    """

    def __init__(self, n_slices: int, n_scans: int) -> None:
        self.n_scans, self._done = n_scans, 0
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (
            TextColumn("reconstructing"), BarColumn(), MofNCompleteColumn(), TextColumn("slices,"),
            TimeRemainingColumn(), TextColumn("left"),
        )  # fmt: skip
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._task = self._bar.add_task("", total=n_slices)

    def __enter__(self) -> "SliceProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

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
