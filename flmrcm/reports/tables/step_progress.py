"""Progress of work in several parts: a bar with the time left for each, else a log line."""

import logging

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from flmrcm.reports.tables.transient_bar import TransientBar

log = logging.getLogger(__name__)


class StepProgress(TransientBar):
    """Shows how far each part has come, while the block runs."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), TextColumn("left"),
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}

    def show(self, part: str, done: int, total: int) -> None:
        """Show that so many steps of a part are done."""
        if part not in self._tasks:
            self._tasks[part] = self._bar.add_task(part, total=total)
            if self._bar.disable:
                log.info("%s: %d steps", part, total)
        self._bar.update(self._tasks[part], completed=done)
