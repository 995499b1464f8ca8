"""The folder that reconstructions go to: what made them, what is finished, one writer at a time."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flmrcm.errors import DataLayoutError
from flmrcm.files import delete_stale, hold_lock, write_atomically

STATE_FOLDER = ".reconstruct"
"""Inside the output: what made its files, a line for each finished volume, and the lock."""


class ReconstructionFolder:
    """An output folder; a volume is finished once all of its files are there and it has a line.

    Args:
        path: the folder.
        settings: all that changes a reconstruction, plain; all in a folder were made with the same.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.settings = path, settings
        self._state = path / STATE_FOLDER
        self._rows: dict[str, dict[str, Any]] = {}

    @contextmanager
    def lock(self) -> Generator[None]:
        """Reserve the folder for this process, and delete what a killed one left half written.

        Raises:
            DataLayoutError: another process writes there; see also `check`.
        """
        self.check()
        refusal = DataLayoutError(
            f"output={self.path}: another process is reconstructing into it; wait for it."
        )
        with hold_lock(self._state / "lock", refusal):
            delete_stale(self.path)
            write_atomically(self._state / "settings.json", self._describe())
            self._rows = self._read_rows()
            yield

    def check(self) -> None:
        """Raise an error unless the folder is new, or was begun with the same settings.

        Raises:
            DataLayoutError: it holds something else; or another checkpoint or mask made what is
                there.
        """
        stored = self._state / "settings.json"
        if self.path.exists() and not self.path.is_dir():
            raise DataLayoutError(f"output={self.path}: is a file; give a folder.")
        if not stored.exists():
            content = [] if not self.path.exists() else [*self.path.iterdir()]
            if any(item != self._state for item in content):
                raise DataLayoutError(
                    f"output={self.path}: isn't empty, and no reconstruction was begun there; give "
                    "a new folder."
                )
            return
        before, now = (_flatten(json.loads(x)) for x in (stored.read_text(), self._describe()))
        changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        if changed:
            what = "; ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in changed)
            raise DataLayoutError(
                f"output={self.path}: holds reconstructions that were made otherwise ({what}); "
                "give a new folder."
            )

    def is_done(self, scan: Path, name: str, kind: str) -> bool:
        """Return whether a scan's files are there, and the scan is as it was then.

        Args:
            scan: the file it lies in.
            name: of its output, without ending, below the folder.
            kind: the format of the output.

        Raises:
            DataLayoutError: another scan's files have this name.
        """
        row = self._rows.get(name)
        if row is None:
            return False
        if not _is_of(row, scan) and row["scan"] != str(scan.resolve()):
            raise DataLayoutError(
                f"{scan}: output={self.path} holds {name} of another scan, {row['scan']}; give "
                "another output."
            )
        files = row["files"].get(kind, ())
        return _is_of(row, scan) and bool(files) and all((self.path / f).exists() for f in files)

    def add(self, scan: Path, name: str, kind: str, files: Sequence[Path]) -> None:
        """Note a volume all of whose files are written in a format."""
        row = self._rows.get(name)
        before = row["files"] if row and _is_of(row, scan) else {}
        written = [file.relative_to(self.path).as_posix() for file in files]
        about = {"name": name, "scan": str(scan.resolve()), **_identify(scan)}
        row = self._rows[name] = {**about, "files": {**before, kind: written}}
        # the line break comes first: it ends the half line that a killed process may have left
        with (self._state / "volumes.jsonl").open("a") as journal:
            journal.write(f"\n{json.dumps(row)}")

    def _describe(self) -> str:
        return f"{json.dumps(self.settings, indent=2)}\n"

    def _read_rows(self) -> dict[str, dict[str, Any]]:
        journal, rows = self._state / "volumes.jsonl", dict[str, dict[str, Any]]()
        for line in journal.read_text().splitlines() if journal.exists() else []:
            try:
                row = json.loads(line)
            except ValueError:  # a killed process may leave half a line
                continue
            rows[row["name"]] = row
        return rows


def _is_of(row: Mapping[str, Any], scan: Path) -> bool:
    return {key: row[key] for key in ("bytes", "time")} == _identify(scan)


def _identify(scan: Path) -> dict[str, int]:
    """Return what changes with a file's content: its size, and when it was written."""
    status = scan.stat()
    return {"bytes": status.st_size, "time": status.st_mtime_ns}


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings by their dotted keys."""
    flat = dict[str, Any]()
    for key, value in settings.items():
        inner = isinstance(value, dict)
        flat |= _flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat
