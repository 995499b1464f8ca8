"""The package's log lines: on the terminal, and in a file of the run's folder."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

_ROOT = "flmrcm"


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
