"""The ledger: an entry for every object that crossed between coordinator and site."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import SEEK_END, TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple

from flmrcm.csv_rows import read_rows
from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import (
    Middleware,
    ServerHalf,
    ServerSide,
    SiteHalf,
    SiteSide,
    Stage,
)
from flmrcm.types import Broadcast, Memory, Reply, Weights

LEDGER = "ledger.csv"
TO_SITE, FROM_SITE = "to_site", "from_site"
METRICS, CONFIG, FACTS, ERRORS = "metrics", "config", "facts", "errors"
_NUMBER_BYTES = 8


class LedgerEntry(NamedTuple):
    """One object that crossed.

    Attributes:
        round: counted from 0.
        site: on the other side of the coordinator.
        op: join | survey | agree | train | unmask | finetune | validate | test.
        way: to_site | from_site; the direction.
        kind: `weights`, `metrics`, or the strategy's own word (`latents`, `control`); where a site
            joins, the `config` that it is sent and the `facts` that it sends; `errors` where a site
            elsewhere failed, the name being the word that it sent.
        name: within its kind.
        shape: `64x32x3x3`; empty for a single number.
        dtype: as in torch; `json` for a plain value.
        bytes: of its values, without names, addresses and packing.
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


def list_sent(op: str, site: str, message: Broadcast) -> Iterator[LedgerEntry]:
    """Return an entry for each object of a message as it travels."""
    where = message.round, site, op, TO_SITE
    return (LedgerEntry(*where, *what) for what in _list_tensors(message.weights, message.extras))


def list_received(op: Operation, round_: int, reply: Reply) -> Iterator[LedgerEntry]:
    """Return an entry for each object of a reply as it travels; of a failure, for its word."""
    where = round_, reply.site, op, FROM_SITE
    if reply.error_kind is not None:
        yield list_error(round_, reply.site, op, reply.error_kind)
    if reply.error is not None:
        return
    for what in _list_tensors(reply.weights, reply.extras):
        yield LedgerEntry(*where, *what)
    yield LedgerEntry(*where, METRICS, "n_examples", "", "int64", _NUMBER_BYTES)
    for name in reply.metrics:
        yield LedgerEntry(*where, METRICS, name, "", "float64", _NUMBER_BYTES)


def list_values(site: str, way: str, kind: str, values: Mapping[str, Any]) -> Iterator[LedgerEntry]:
    """Return an entry for each plain value that crosses when a site joins."""
    for name, value in values.items():
        text = json.dumps(value, ensure_ascii=False)
        yield LedgerEntry(0, site, "join", way, kind, name, "", "json", len(text.encode()))


def list_error(round_: int, site: str, op: str, kind: str) -> LedgerEntry:
    """Return the entry for the word by which a site elsewhere says that it failed."""
    return LedgerEntry(round_, site, op, FROM_SITE, ERRORS, kind, "", "json", len(kind))


class Ledger:
    """The file `ledger.csv`; lines are only ever added.

    Args:
        path: the file; None writes nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def write(self, entries: Iterable[LedgerEntry]) -> None:
        """Append entries, and give them to the operating system at once."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as binary:
            end = _find_end(binary)
            binary.truncate(end)  # a crash may have cut the last line short
            file = TextIOWrapper(binary, newline="", encoding="utf-8")
            writer = csv.writer(file, lineterminator="\n")
            if end == 0:
                writer.writerow(LedgerEntry._fields)
            writer.writerows(entries)
            file.flush()

    def read(self) -> list[LedgerEntry]:
        """Return all whole entries; a last line cut short by a crash is left out.

        Raises:
            DataLayoutError: a damaged line; named with its number.
        """
        if self.path is None or not self.path.exists():
            return []
        return read_rows(self.path, LedgerEntry._fields, _parse)


def _parse(fields: Sequence[str]) -> LedgerEntry:
    round_, *names, n_bytes = fields
    return LedgerEntry._make((int(round_), *names, int(n_bytes)))


class LedgerWriter(Middleware):
    """Records everything that travels, once at the site and once at the coordinator."""

    stage: ClassVar[Stage] = Stage.LEDGER

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that writes the site's ledger."""
        return _SiteLedger(side.site, Ledger(side.folder / LEDGER if side.folder else None))

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that writes the coordinator's ledger."""
        return _ServerLedger(Ledger(side.folder / LEDGER if side.folder else None))


class _SiteLedger(SiteHalf):
    def __init__(self, site: str, ledger: Ledger) -> None:
        self.site, self.ledger = site, ledger

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        self.ledger.write(list_sent(op, self.site, message))
        return message

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        self.ledger.write(list_received(op, round_, reply))
        return reply


class _ServerLedger(ServerHalf):
    """A message is recorded together with its reply or failure; so its site is known to have it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        sent = list_sent(op, reply.site, message)
        self.ledger.write([*sent, *list_received(op, message.round, reply)])
        return reply


def _list_tensors(
    weights: Weights, extras: Mapping[str, Weights]
) -> Iterator[tuple[str, str, str, str, int]]:
    for kind, tensors in {"weights": weights, **extras}.items():
        for name, tensor in tensors.items():
            shape, dtype = "x".join(map(str, tensor.shape)), str(tensor.dtype)
            yield kind, name, shape, dtype.removeprefix("torch."), tensor.nbytes


def _find_end(binary: BinaryIO) -> int:
    """Return the number of bytes up to the end of the last whole line."""
    size = binary.seek(0, SEEK_END)
    binary.seek(max(size - 1, 0))
    if binary.read(1) in (b"", b"\n"):
        return size
    # only after a crash is the whole file read
    binary.seek(0)
    return binary.read().rfind(b"\n") + 1
