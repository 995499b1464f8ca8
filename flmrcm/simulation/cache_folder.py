"""A folder that is filled once, even if several processes need it at the same time."""

import fcntl
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically

log = logging.getLogger(__name__)


def generate_once(folder: Path, make: Callable[[], None], about: str) -> None:
    """Fill a folder with `make`, unless its file `done` shows that it is complete.

    A second process waits for the first. After an interruption `make` finds the complete files
    that are already there and adds the others; half-written files are deleted first.

    Args:
        folder: the folder to fill; it is created with its parents.
        make: creates the files that are missing.
        about: description of the content, written into the file `done`.

    Raises:
        DataLayoutError: the folder can't be created.
    """
    done = folder / "done"
    if done.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataLayoutError(
            f"{folder}: can't be created ({error.strerror}); choose another place with "
            "data.simulated.folder=FOLDER."
        ) from None
    with _hold_lock(folder / ".lock"):
        # another process may have filled it while this one waited for the lock
        if done.exists():
            return
        for half_written in folder.rglob(".*.h5.*"):
            half_written.unlink()
        make()
        write_atomically(done, f"{about}\n")


def hash_text(about: str) -> str:
    """Return 12 hex digits that depend on the text: the name of a cache folder ends with them."""
    return blake2b(about.encode(), digest_size=6).hexdigest()


@contextmanager
def _hold_lock(path: Path) -> Generator[None]:
    with path.open("w") as file:
        # without waiting first: only a process that has to wait says so
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting: another process is filling %s", path.parent)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
