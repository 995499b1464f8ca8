"""The journal: every measurement of a run, in one long table that everything else reads."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from flmrcm.csv_rows import read_rows
from flmrcm.types import Measurement

_OLD_SPLITS, _OLD_METRICS = {"attendance": "participation"}, {"benched": "suspended"}
"""How older journals call what is read under today's words."""


class Tracker(Protocol):
    """Shows the journal, round by round; it keeps nothing that is not in the journal."""

    def start(self, rows: Sequence[Measurement]) -> None:
        """Start from the rows that the journal already holds; none, unless a run is resumed."""
        ...

    def log(self, rows: Sequence[Measurement]) -> None:
        """Show the rows of one round, or of the test at the end."""
        ...

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Path]) -> None:
        """End with a summary of the whole journal and a picture (PNG) for each site."""
        ...


class Journal:
    """`journal.csv`: round, split, site, metric, convention, value.

    Args:
        path: the file; made with its header when the first row is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, rows: Iterable[Measurement]) -> None:
        """Append rows, and give them to the operating system at once."""
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(Measurement._fields)
            writer.writerows(rows)

    def read(self) -> list[Measurement]:
        """Return all whole rows; a last line cut short by a crash is left out.

        Raises:
            DataLayoutError: a damaged line; named with its number.
        """
        return read_rows(self.path, Measurement._fields, _parse) if self.path.exists() else []

    def cut_after(self, round_: int) -> None:
        """Drop the rows of later rounds, and those of the finished run's test."""
        kept = [row for row in self.read() if row.round <= round_ and row.split != "test"]
        temporary = self.path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        Journal(temporary).write(kept)
        temporary.replace(self.path)


def _parse(fields: Sequence[str]) -> Measurement:
    number, split, site, metric, convention, value = fields
    if split in _OLD_SPLITS:
        split, metric = _OLD_SPLITS[split], _OLD_METRICS.get(metric, metric)
    return Measurement(int(number), split, site, metric, convention, float(value))
