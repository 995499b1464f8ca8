"""The output folder of a preparation: its arguments, its finished volumes, one writer at a time."""

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flmrcm.errors import DataLayoutError
from flmrcm.files import hold_lock, write_atomically
from flmrcm.prepare.pseudonyms import draw_salt, parse_patient_id
from flmrcm.prepare.splits import format_splits, parse_splits, refuse_crossing

STATE_FOLDER = ".prepare"
"""Folder inside the output with salt, arguments, journal and lock; only its owner may read it."""


@dataclass(frozen=True)
class OutputFolder:
    """The output of a preparation; a later call adds only what is missing.

    A volume is finished if its file exists and has the size that the journal gives.

    Args:
        path: the folder; it is created by `lock`.
    """

    path: Path

    @contextmanager
    def lock(self, arguments: Mapping[str, Any]) -> Generator[None]:
        """Reserve the folder for this process, and delete half-written files of a killed one.

        Args:
            arguments: see `check`.

        Raises:
            DataLayoutError: another process is preparing into the folder; see also `check`.
        """
        self.check(arguments)
        self._state.mkdir(parents=True, exist_ok=True)
        self._state.chmod(0o700)
        refusal = DataLayoutError(
            f"{self.path}: another process is preparing into this folder; wait for it."
        )
        with hold_lock(self._state / "lock", refusal):
            if not self._arguments.exists():
                write_atomically(self._arguments, _format_json(arguments))
            for half_written in self.path.rglob(".*.h5.*"):
                half_written.unlink(missing_ok=True)
            yield

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise an error if this folder isn't free for a preparation with these arguments.

        Args:
            arguments: the arguments that must be equal in every call that adds to the folder.

        Raises:
            DataLayoutError: it is a file, holds something else, or was begun with other arguments.
        """
        if self.path.exists() and not self.path.is_dir():
            raise DataLayoutError(f"output={self.path}: is a file; give a folder.")
        if not self._arguments.exists():
            content = [] if not self.path.exists() else [*self.path.iterdir()]
            if any(item != self._state for item in content):
                raise DataLayoutError(
                    f"output={self.path}: isn't empty, and no preparation was begun there; "
                    "give a new folder."
                )
            return
        before, now = json.loads(self._arguments.read_text()), json.loads(_format_json(arguments))
        changed = [
            f"{key} was {before.get(key)!r}, now {now.get(key)!r}"
            for key in sorted({*before, *now})
            # a folder begun before there was such a key was begun without what it switches on
            if key in before or now[key] is not False
            # as text: the first pattern that matches counts, so their order matters
            if json.dumps(before.get(key)) != json.dumps(now.get(key))
        ]
        if changed:
            raise DataLayoutError(
                f"output={self.path}: was begun with other arguments ({'; '.join(changed)}); "
                "give a new folder, or the same arguments."
            )

    def choose_salt(self, salt: str | None = None) -> str:
        """Return the salt of this folder, else the one of the config, else a new one.

        Nothing is written; see `write_splits`.

        Args:
            salt: the salt of the config; None if it has none.

        Raises:
            DataLayoutError: the folder has another salt than the config.
        """
        stored = self._salt.read_text().strip() if self._salt.exists() else None
        if salt and stored and salt != stored:
            raise DataLayoutError(
                f"output={self.path}: the names in it were made with another salt; leave out salt=…"
            )
        return stored or salt or draw_salt()

    def write_splits(self, salt: str, splits: Mapping[str, str]) -> None:
        """Write the salt and `splits.csv`."""
        # before any volume: an interrupted preparation must continue with the same names
        if not self._salt.exists():
            write_atomically(self._salt, f"{salt}\n")
            self._salt.chmod(0o600)
        write_atomically(self.path / "splits.csv", format_splits(splits))

    def read_splits(self) -> dict[str, str]:
        """Return patient id → split of `splits.csv`; empty if there is no such file.

        Raises:
            DataLayoutError: the file is damaged, or a subject has volumes in another split.
        """
        path = self.path / "splits.csv"
        splits = parse_splits(path.read_text(), path) if path.exists() else {}
        files = ((parse_patient_id(file.stem), file.parent.name) for file in self.list_volumes())
        refuse_crossing(self.path, [*splits.items(), *(pair for pair in files if pair[0])])
        return splits

    def list_volumes(self) -> Iterator[Path]:
        """Return every `.h5` file that is written completely, sorted."""
        files = sorted(self.path.rglob("*.h5"))
        return (file for file in files if not file.name.startswith("."))

    def read_journal(self) -> dict[str, dict[str, Any]]:
        """Return path below the folder → row of the journal, for every finished volume."""
        rows: dict[str, dict[str, Any]] = {}
        for line in self._journal.read_text().splitlines() if self._journal.exists() else []:
            try:
                row = json.loads(line)
            except ValueError:  # a killed process may leave half a line
                continue
            path = self.path / row["volume"]
            if path.is_file() and path.stat().st_size == row["bytes"]:
                rows[row["volume"]] = row
        return rows

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Add a finished volume to the journal."""
        # the line break comes first: it ends the half line that a killed process may have left
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
