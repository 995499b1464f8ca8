"""Progress of work in several parts: a bar with the time left for each, else a log line."""

import logging
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

log = logging.getLogger(__name__)


class StepProgress:
    """Shows how far each part has come, while the block runs."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), TextColumn("left"),
        )  # fmt: skip
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "StepProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, part: str, done: int, total: int) -> None:
        """Show that so many steps of a part are done."""
        if part not in self._tasks:
            self._tasks[part] = self._bar.add_task(part, total=total)
            if self._bar.disable:
                log.info("%s: %d steps", part, total)
        self._bar.update(self._tasks[part], completed=done)
