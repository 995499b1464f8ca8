"""A progress bar that is gone when the work is done; only a terminal shows it."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn


class TransientBar:
    """Shows a bar on stderr while the block runs; away from a terminal it does nothing.

    Args:
        columns: what the bar's line consists of.
    """

    def __init__(self, *columns: ProgressColumn) -> None:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        hidden = not console.is_terminal
        self._bar = Progress(*columns, console=console, transient=True, disable=hidden)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
