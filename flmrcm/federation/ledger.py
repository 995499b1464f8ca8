"""The border ledger: every object that crossed between coordinator and site, as it crossed."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from io import SEEK_END, TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from flmrcm.federation.engine import Op
from flmrcm.federation.wire import FULL_PRECISION, Wire
from flmrcm.types import Broadcast, Reply, Weights

LEDGER = "ledger.csv"
TO_SITE, FROM_SITE = "to_site", "from_site"
METRICS, CONFIG, FACTS = "metrics", "config", "facts"
_NUMBER = 8


class LedgerEntry(NamedTuple):
    """One object that crossed.

    Attributes:
        round: counted from 0.
        site: on the other side of the coordinator.
        op: join | survey | train | validate | test.
        way: to_site | from_site.
        kind: `weights`, `metrics`, or what the strategy calls it (`latents`, `control`); where a
            site joins, the `config` it's told and the `facts` it tells.
        name: within its kind.
        shape: `64x32x3x3`; empty for a single number.
        dtype: as in torch; `json` for a plain value.
        bytes: of its values; names, addresses and wrapping come on top.
    """

    round: int
    site: str
    op: str
    way: str
    kind: str
    name: str
    shape: str
    dtype: str
    bytes: int


def list_sent(
    op: Op, site: str, message: Broadcast, wire: Wire = FULL_PRECISION
) -> Iterator[LedgerEntry]:
    """Gives an entry for each object of a message, as it is on the wire."""
    where = message.round, site, op, TO_SITE
    return (
        LedgerEntry(*where, *what) for what in _list_tensors(message.weights, message.extras, wire)
    )


def list_received(
    op: Op, round_: int, reply: Reply, wire: Wire = FULL_PRECISION
) -> Iterator[LedgerEntry]:
    """Gives an entry for each object of a reply, as it was on the wire.

    The line that tells a failure isn't one.
    """
    where = round_, reply.site, op, FROM_SITE
    if reply.error is not None:
        return
    for what in _list_tensors(reply.weights, reply.extras, wire):
        yield LedgerEntry(*where, *what)
    yield LedgerEntry(*where, METRICS, "n_examples", "", "int64", _NUMBER)
    for name in reply.metrics:
        yield LedgerEntry(*where, METRICS, name, "", "float64", _NUMBER)


def list_values(site: str, way: str, kind: str, values: Mapping[str, Any]) -> Iterator[LedgerEntry]:
    """Gives an entry for each plain value that crosses when a site joins."""
    for name, value in values.items():
        text = json.dumps(value, ensure_ascii=False)
        yield LedgerEntry(0, site, "join", way, kind, name, "", "json", len(text.encode()))


class Ledger:
    """A book of crossings, `ledger.csv`; lines are only ever added.

    Args:
        path: the file; None keeps no book.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def write(self, entries: Iterable[LedgerEntry]) -> None:
        """Adds entries and hands them to the operating system at once."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as book:
            end = _find_end(book)
            book.truncate(end)  # a crash may have cut the last line short
            file = TextIOWrapper(book, newline="")
            writer = csv.writer(file, lineterminator="\n")
            if end == 0:
                writer.writerow(LedgerEntry._fields)
            writer.writerows(entries)
            file.flush()

    def read(self) -> list[LedgerEntry]:
        """Gives all whole entries."""
        if self.path is None or not self.path.exists():
            return []
        with self.path.open("rb") as book:
            end = _find_end(book)
            book.seek(0)
            lines = book.read(end).decode().split("\n")[1:-1]
        return [LedgerEntry._make((int(r), *what, int(n))) for r, *what, n in csv.reader(lines)]


def _list_tensors(
    weights: Weights, extras: Mapping[str, Weights], wire: Wire
) -> Iterator[tuple[str, str, str, str, int]]:
    for kind, tensors in {"weights": weights, **extras}.items():
        for name, tensor in tensors.items():
            shape, dtype = "x".join(map(str, tensor.shape)), wire.find_dtype(tensor)
            n_bytes = dtype.itemsize * tensor.numel()
            yield kind, name, shape, str(dtype).removeprefix("torch."), n_bytes


def _find_end(book: BinaryIO) -> int:
    """Gives the bytes up to the end of the last whole line."""
    size = book.seek(0, SEEK_END)
    book.seek(max(size - 1, 0))
    if book.read(1) in (b"", b"\n"):
        return size
    book.seek(0)
    return book.read().rfind(b"\n") + 1
