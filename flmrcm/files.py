"""Files that are whole or not there: written under a temporary name, then renamed; locks, paths."""

import fcntl
import os
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


def expand_home(path: str | Path) -> Path:
    """Return a path whose leading `~` or `~user` is that home; of no user, `~` is a letter.

    A path that keeps its `~` becomes absolute: libraries that get it would expand it, and fail.
    """
    expanded = Path(os.path.expanduser(path))  # noqa: PTH111  # Path.expanduser raises instead
    return expanded.absolute() if str(expanded).startswith("~") else expanded


def find_cache_folder() -> Path:
    """Return the folder of what can be computed again: $FLMRCM_CACHE, else ~/.cache/flmrcm."""
    return expand_home(os.environ.get("FLMRCM_CACHE") or "~/.cache/flmrcm")


def write_atomically(path: Path, content: str | bytes | memoryview, mode: int = 0o666) -> None:
    """Write a file that nobody sees before it is whole and on the device; folders are made.

    Args:
        path: of the file.
        content: of the whole file.
        mode: who may read and write it, as far as this process's umask lets them.

    Raises:
        OSError: the device is full or refuses; an older file of that name is still whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _build_temporary(path)
    try:
        temporary.touch(mode)
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            # otherwise a power cut may keep the new name and lose what it stands for
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def flush_files(paths: Iterable[Path]) -> None:
    """Wait until what was written to files is on the device.

    Raises:
        OSError: the device refuses.
    """
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def link_atomically(source: Path, path: Path) -> None:
    """Give a file a second name, in place of any file that had this name."""
    temporary = _build_temporary(path)
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # a file system without hard links
        temporary.write_bytes(source.read_bytes())
    temporary.replace(path)
    # renaming between two names of one file does nothing, and both stay
    temporary.unlink(missing_ok=True)


@contextmanager
def hold_lock(path: Path, refusal: Exception | None = None) -> Generator[None]:
    """Keep other processes out while the block runs; a process that ends lets go, however it ends.

    Args:
        path: of the lock's file; folders are made.
        refusal: what is raised where another process holds it; None waits for that to let go.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        _lock(lock, refusal)
        yield


def _lock(lock: TextIO, refusal: Exception | None) -> None:
    if refusal is None:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return
    for patience in (0.05, 0.0):  # seconds; `is_locked` holds it for an instant
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if not patience:
                raise refusal from None
            time.sleep(patience)


def is_locked(path: Path) -> bool:
    """Tell whether a process holds the lock of `hold_lock`; where the file can't be read, none."""
    try:
        with path.open() as lock:
            # a shared lock: two that look at once don't see each other
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def delete_stale(folder: Path) -> None:
    """Delete what killed processes of this machine left below a folder while they wrote files.

    Only temporary names of this module are deleted, and only if their process has ended.
    """
    for path in folder.rglob(".*.*"):
        _, _, pid = path.name.rpartition(".")
        if pid.isdecimal() and not _is_alive(int(pid)):
            path.unlink(missing_ok=True)


def _build_temporary(path: Path) -> Path:
    """Return a name beside a file's; it names its process, so that two never share one."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def _is_alive(pid: int) -> bool:
    with suppress(PermissionError):  # a process of somebody else
        try:
            os.kill(pid, 0)  # signal 0 only asks
        except (ProcessLookupError, OverflowError):
            return False
    return True
