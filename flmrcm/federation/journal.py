"""The journal: every measurement of a run, in one long table that everything else reads."""

import csv
import logging
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from flmrcm.csv_rows import read_rows
from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically
from flmrcm.types import Measurement

log = logging.getLogger(__name__)

Seal = tuple[int, str]
"""What a journal held at some moment: the number of its lines, and their SHA-256."""

_OLD_SPLITS, _OLD_METRICS = {"attendance": "participation"}, {"benched": "suspended"}
"""How older journals call what is read under today's words."""


class Panel(NamedTuple):
    """A picture of a site's reconstruction.

    Attributes:
        path: of the PNG.
        caption: which volume and slice it shows.
    """

    path: Path
    caption: str


@runtime_checkable
class Tracker(Protocol):
    """Shows the journal, round by round; it keeps nothing that is not in the journal."""

    def start(self, rows: Sequence[Measurement]) -> None:
        """Start from the rows that the journal already holds; none, unless a run is resumed."""
        ...

    def log(self, rows: Sequence[Measurement]) -> None:
        """Show the rows of one round, or of the test at the end."""
        ...

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Panel]) -> None:
        """End with a summary of the whole journal and a picture for each site."""
        ...


class Journal:
    """`journal.csv`: round, split, site, metric, convention, value.

    Args:
        path: the file; made with its header when the first row is written.
        accepts_loss: whether a run may go on with what is left of a journal that was damaged.
    """

    def __init__(self, path: Path, accepts_loss: bool = False) -> None:
        self.path, self.accepts_loss = path, accepts_loss

    def write(self, rows: Iterable[Measurement]) -> None:
        """Append rows, and give them to the operating system at once."""
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(_format_rows(rows, header=new))

    def read(self) -> list[Measurement]:
        """Return all whole rows; a last line cut short by a crash is left out.

        Raises:
            DataLayoutError: a damaged line; named with its number.
        """
        return read_rows(self.path, Measurement._fields, _parse) if self.path.exists() else []

    def seal(self) -> Seal:
        """Return what the journal holds now, by which `cut_after` notices that some is gone."""
        lines = self._read_lines()
        return len(lines), sha256(b"".join(lines)).hexdigest()

    def check(self, seal: Seal | None) -> None:
        """Refuse a journal that is damaged, unless it may be; nothing is changed.

        Raises:
            DataLayoutError: a damaged line, or other lines than were sealed.
        """
        self.read()  # a damaged line is better named than counted
        if seal is not None and self._find_sealed(seal) is None and not self.accepts_loss:
            raise DataLayoutError(
                f"{self._describe_loss(*seal)} Bring it back, or go on with what is left: "
                "accept_lost_journal=true."
            )

    def cut_after(self, round_: int, seal: Seal | None = None) -> None:
        """Drop the rows of later rounds, and those of the finished run's test.

        Args:
            round_: the last round that is kept.
            seal: of the journal after that round; None where an older version wrote it.

        Raises:
            DataLayoutError: a damaged line, or other lines than were sealed.
        """
        self.check(seal)
        kept = None if seal is None else self._find_sealed(seal)
        if kept is None:
            rows = [row for row in self.read() if row.round <= round_ and row.split != "test"]
            kept = _format_rows(rows, header=True)
            if seal is not None:
                log.warning("%s The run goes on with them.", self._describe_loss(*seal))
        write_atomically(self.path, kept)

    def _find_sealed(self, seal: Seal) -> bytes | None:
        """Return the lines that were sealed; None where some are gone or changed."""
        sealed = b"".join(self._read_lines()[: seal[0]])
        return sealed if sha256(sealed).hexdigest() == seal[1] else None

    def _describe_loss(self, count: int, _digest: str) -> str:
        left = len(self._read_lines())
        if left < count:
            return f"{self.path}: of {count} lines at the last checkpoint, {left} are left."
        return f"{self.path}: its first {count} lines aren't those of the last checkpoint."

    def _read_lines(self) -> list[bytes]:
        data = self.path.read_bytes() if self.path.exists() else b""
        return [line + b"\n" for line in data.split(b"\n")[:-1]]


def _format_rows(rows: Iterable[Measurement], header: bool) -> str:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(Measurement._fields)
    writer.writerows(rows)
    return text.getvalue()


def _parse(fields: Sequence[str]) -> Measurement:
    number, split, site, metric, convention, value = fields
    if split in _OLD_SPLITS:
        split, metric = _OLD_SPLITS[split], _OLD_METRICS.get(metric, metric)
    return Measurement(int(number), split, site, metric, convention, float(value))
