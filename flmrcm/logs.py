"""What the package says: plain lines, and log lines on the terminal and in a run's folder."""

import logging
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import track

log = logging.getLogger(__name__)

Item = TypeVar("Item")

_ROOT = "flmrcm"


def say(text: str, style: str = "", error: bool = False) -> None:
    """Print lines as they are: names may hold brackets, which would be read as markup."""
    console = Console(stderr=error, soft_wrap=True, highlight=False, markup=False)
    console.print(text, style=style)


def log_to_terminal() -> None:
    """Show the package's log lines on stderr; a second call changes nothing."""
    logger = logging.getLogger(_ROOT)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not logger.handlers:
        handler = RichHandler(
            console=Console(stderr=True), show_time=False, show_path=False, markup=False
        )
        logger.addHandler(handler)


@contextmanager
def log_warnings_only() -> Generator[None]:
    """Keep the package's other lines back while the block checks what is told when it is run."""
    logger = logging.getLogger(_ROOT)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def log_to_file(path: Path) -> Generator[None]:
    """Append the package's log lines to a file, too, while the block runs."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger(_ROOT)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


def track_progress(items: Collection[Item], about: str, unit: str = "volumes") -> Iterable[Item]:
    """Return what is to be made: with a progress bar and time left on a terminal, else a log line.

    Args:
        items: in the order in which they are made.
        about: what is made.
        unit: what an item is called.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        log.info("making %s: %d %s", about, len(items), unit)
        return items
    return track(items, f"making {about}", total=len(items), console=console)
