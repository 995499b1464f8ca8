"""A folder that a program fills once, however many processes ask for it at the same time."""

import fcntl
import logging
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically

log = logging.getLogger(__name__)

Item = TypeVar("Item")


def generate_once(folder: Path, make: Callable[[], None], about: str) -> None:
    """Has `make` fill a folder unless its `done` mark says that it is full.

    Whoever comes second waits for the first. What an interrupted run left stays for `make` to go on
    from; only its half-written files are swept away.

    Args:
        folder: to fill; made with its parents.
        make: fills it; may find part of its files there.
        about: written into the mark: what made the folder.

    Raises:
        DataLayoutError: the folder can't be made.
    """
    done = folder / "done"
    if done.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataLayoutError(
            f"{folder}: can't be made ({error.strerror}); set data.simulated.folder=FOLDER."
        ) from None
    with _hold_lock(folder / ".lock"):
        if done.exists():
            return
        for half_written in folder.rglob(".*.h5.*"):
            half_written.unlink()
        make()
        write_atomically(done, f"{about}\n")


def hash_text(about: str) -> str:
    """Gives the 12 hex digits by which a cache folder is told from another's."""
    return blake2b(about.encode(), digest_size=6).hexdigest()


def track_progress(items: Collection[Item], what: str) -> Iterable[Item]:
    """Gives the items behind a progress bar on a terminal's stderr, behind one log line elsewhere.

    Args:
        items: to go through.
        what: is being made, e.g. `sim_b T1 (simulated)`.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        log.info("making %s: %d volumes", what, len(items))
        return items
    return track(items, f"making {what}", total=len(items), console=console)


@contextmanager
def _hold_lock(path: Path) -> Generator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting: another process is filling %s", path.parent)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
