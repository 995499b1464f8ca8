"""Ledgers at the coordinator and the sites, and a scale that weighs what is carried between."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kits.laws import site_chain

from flmrcm.federation.client import Client
from flmrcm.federation.engine import Engine, Operation
from flmrcm.federation.middleware import Middleware
from flmrcm.middleware.ledger import FROM_SITE, LEDGER, TO_SITE, Ledger, LedgerEntry
from flmrcm.middleware.policy import SitePolicy
from flmrcm.types import Broadcast, Reply


class Scale:
    """Weighs what an engine carries: tensors by their elements, 8 bytes for each number."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.n_bytes = engine, {TO_SITE: 0, FROM_SITE: 0}

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        for reply in self.engine.call(op, messages, timeout):
            self.n_bytes[TO_SITE] += count_bytes(messages[reply.site])
            self.n_bytes[FROM_SITE] += count_bytes(reply) if reply.error is None else 0
            yield reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


def count_bytes(message: Broadcast | Reply) -> int:
    """Return the bytes of a message or a reply."""
    tensors = [t for part in (message.weights, *message.extras.values()) for t in part.values()]
    numbers = 1 + len(message.metrics) if isinstance(message, Reply) else 0
    return sum(t.numel() * t.element_size() for t in tensors) + 8 * numbers


def add_ledgers(
    clients: Mapping[str, Client],
    folder: Path,
    policy: SitePolicy | None = None,
    wire: str = "fp32",
    more: Mapping[str, Middleware] | None = None,
) -> None:
    """Give each client a chain whose ledger lies in a run's folder."""
    for name, client in clients.items():
        own = folder / "sites" / name
        client.chain = site_chain(name, client.runtime.strategy, own, policy, wire, more)


def read_ledgers(folder: Path) -> tuple[list[LedgerEntry], list[LedgerEntry]]:
    """Return the coordinator's entries, and those of all sites, sorted."""
    paths = sorted(folder.glob(f"sites/*/{LEDGER}"))
    sites = [entry for path in paths for entry in Ledger(path).read()]
    return sorted(Ledger(folder / LEDGER).read()), sorted(sites)


def count_recorded(folder: Path) -> dict[str, int]:
    """Return the bytes in the coordinator's ledger, by direction."""
    entries, _ = read_ledgers(folder)
    ways = (TO_SITE, FROM_SITE)
    return {way: sum(entry.bytes for entry in entries if entry.way == way) for way in ways}
