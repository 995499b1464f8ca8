"""The folder prepared into: whose it is, what is done in it, and one writer at a time."""

import fcntl
import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically
from flmrcm.prepare.pseudonyms import draw_salt, parse_patient_id
from flmrcm.prepare.splits import format_splits, parse_splits, refuse_crossing

STATE_FOLDER = ".prepare"
"""Below the output: salt, arguments, journal, lock. Only its owner should read it."""


@dataclass(frozen=True)
class OutputFolder:
    """What a preparation leaves behind, so that the next call does only what is missing.

    A volume is done when its file is there under its own name and the journal tells its size.

    Args:
        path: the folder; nothing is made before `held`.
    """

    path: Path

    @contextmanager
    def lock(self, arguments: Mapping[str, Any]) -> Generator[None]:
        """Keeps the folder for one writer, and sweeps half-written files of a killed one away.

        Raises:
            DataLayoutError: another process is writing, or `check` refuses.
        """
        self.check(arguments)
        self._state.mkdir(parents=True, exist_ok=True)
        self._state.chmod(0o700)
        with (self._state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataLayoutError(f"{self.path}: another process is preparing here.") from None
            if not self._arguments.exists():
                write_atomically(self._arguments, _format_json(arguments))
            for half_written in self.path.rglob(".*.h5.*"):
                half_written.unlink(missing_ok=True)
            yield

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Looks whether one may write here.

        Args:
            arguments: what must be the same in every call that adds to the folder.

        Raises:
            DataLayoutError: a file; a folder of something else; other arguments than before.
        """
        if self.path.exists() and not self.path.is_dir():
            raise DataLayoutError(f"output={self.path}: is a file; give a folder.")
        if not self._arguments.exists():
            inside = [] if not self.path.exists() else [*self.path.iterdir()]
            if any(item != self._state for item in inside):
                raise DataLayoutError(
                    f"output={self.path}: isn't empty, and nothing was prepared there before; "
                    "give a new folder."
                )
            return
        before, now = json.loads(self._arguments.read_text()), json.loads(_format_json(arguments))
        changed = [
            f"{key} was {before.get(key)!r}, now {now.get(key)!r}"
            for key in sorted({*before, *now})
            # as text: of patterns, the first that fits counts, so their order matters
            if json.dumps(before.get(key)) != json.dumps(now.get(key))
        ]
        if changed:
            raise DataLayoutError(
                f"output={self.path}: was begun with other arguments ({'; '.join(changed)}); "
                "give a new folder, or the same arguments."
            )

    def salt(self, given: str | None = None) -> str:
        """Gives the salt kept here, else the one given, else a new one; doesn't keep it.

        Raises:
            DataLayoutError: another one is kept than is given.
        """
        kept = self._salt.read_text().strip() if self._salt.exists() else None
        if given and kept and given != kept:
            raise DataLayoutError(
                f"output={self.path}: holds names made with another salt; leave salt away."
            )
        return kept or given or draw_salt()

    def write_splits(self, salt: str, splits: Mapping[str, str]) -> None:
        """Writes salt and `splits.csv`, before anything is named by them."""
        if not self._salt.exists():
            write_atomically(self._salt, f"{salt}\n")
            self._salt.chmod(0o600)
        write_atomically(self.path / "splits.csv", format_splits(splits))

    def read_splits(self) -> dict[str, str]:
        """Gives patient id → split of `splits.csv`, none where there's no such file.

        Raises:
            DataLayoutError: damaged, or a subject whose files lie in another split.
        """
        path = self.path / "splits.csv"
        splits = parse_splits(path.read_text(), path) if path.exists() else {}
        files = ((parse_patient_id(file.stem), file.parent.name) for file in self.list_volumes())
        refuse_crossing(self.path, [*splits.items(), *(pair for pair in files if pair[0])])
        return splits

    def list_volumes(self) -> Iterator[Path]:
        """Gives every finished `.h5` file, sorted."""
        files = sorted(self.path.rglob("*.h5"))
        return (file for file in files if not file.name.startswith("."))

    def done(self) -> dict[str, dict[str, Any]]:
        """Gives the journal's rows of volumes that are there, by their path below the folder."""
        rows: dict[str, dict[str, Any]] = {}
        for line in self._journal.read_text().splitlines() if self._journal.exists() else []:
            try:
                row = json.loads(line)
            except ValueError:  # the line a killed process was writing
                continue
            path = self.path / row["volume"]
            if path.is_file() and path.stat().st_size == row["bytes"]:
                rows[row["volume"]] = row
        return rows

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Adds a finished volume to the journal."""
        # a leading line break ends whatever half line a killed process left
        with self._journal.open("a") as file:
            file.write(f"\n{json.dumps(row, sort_keys=True)}")

    @property
    def _state(self) -> Path:
        return self.path / STATE_FOLDER

    @property
    def _arguments(self) -> Path:
        return self._state / "arguments.json"

    @property
    def _salt(self) -> Path:
        return self._state / "salt"

    @property
    def _journal(self) -> Path:
        return self._state / "volumes.jsonl"


def _format_json(content: Mapping[str, Any]) -> str:
    return f"{json.dumps(content, indent=2)}\n"
