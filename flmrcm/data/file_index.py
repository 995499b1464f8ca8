"""What was once found in a site's files, kept in the cache folder: a start needn't open them again.

An entry counts as long as its file's size and times are what they were. Entries are named by
hashes: an index tells nobody what files are called. A damaged one is made anew.
"""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from flmrcm.data.h5 import Volume
from flmrcm.errors import describe_os_error
from flmrcm.files import find_cache_folder, write_atomically

log = logging.getLogger(__name__)

INDEX_FORMAT = 2
"""Raise it whenever something else would be found in equal files: older indices aren't used."""

LEAST = 64
"""The fewest entries that are kept: fewer files are opened in no time."""

Found = TypeVar("Found", Volume, list[float], bool)
Entry = tuple[tuple[int, int, int], Volume | list[float] | bool]

_ENTRIES: TypeAdapter[dict[str, Entry]] = TypeAdapter(dict[str, Entry])


class FileIndex:
    """What was found in files, in memory; see `open_index`.

    Args:
        entries: by the hash of what was asked and of the path: the file's stamp, what was found.
    """

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries, self.n_new = entries, 0

    def find(self, what: str, path: Path, read: Callable[[Path], Found]) -> Found:
        """Return what the index holds of a file as it is now, else what is read from it.

        Args:
            what: names what is asked, with everything beside the file that the answer depends on.
            path: of the file.
            read: asks the file; what it raises isn't kept.
        """
        try:
            stat = path.stat()
        except OSError:
            return read(path)  # which says what is wrong with it
        # a copy may keep its source's time of change, but not the time of its own making
        key, stamp = _hash(f"{what} {path}"), (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        known, found = self.entries.get(key, (None, None))
        if known == stamp:
            return cast(Found, replace(found, path=path) if isinstance(found, Volume) else found)
        answer = read(path)
        kept = replace(answer, path=Path()) if isinstance(answer, Volume) else answer
        self.entries[key], self.n_new = (stamp, kept), self.n_new + 1
        return answer


@contextmanager
def open_index(about: str) -> Generator[FileIndex]:
    """Give an index for the block, as it was left; it is kept if the block found enough new.

    Args:
        about: the files it is for; two descriptions have two indices.
    """
    name = _hash(f"{INDEX_FORMAT} {version('flmrcm')} {about}")
    path = find_cache_folder() / "file_index" / f"{name}.json"
    index = FileIndex(_read(path))
    yield index
    if index.n_new and len(index.entries) >= LEAST:
        try:
            write_atomically(path, _ENTRIES.dump_json(index.entries))
        except OSError as error:
            log.info("not kept: what the files of a big site hold: %s", describe_os_error(error))


def _read(path: Path) -> dict[str, Entry]:
    try:
        return _ENTRIES.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
