"""What engines share whose sites' private memories lie in one store."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flmrcm.federation.client import Client
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.wire import Wire


class OneStore:
    """Sites by name, their memories in one store, and how tensors travel to them.

    Args:
        clients: by site name.
        store: where their private memories live.
        wire: how tensors travel.
    """

    data_is_local: ClassVar[bool] = True

    def __init__(self, clients: Mapping[str, Client], store: MemoryStore, wire: Wire) -> None:
        self.clients, self.store, self.wire = clients, store, wire

    def sites(self) -> Sequence[str]:
        """Gives the sites, sorted."""
        return sorted(self.clients)

    def snapshot(self) -> Mapping[str, int]:
        """Gives the round each site's memory was last written in."""
        return self.store.snapshot()

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Goes back to the memories of a snapshot."""
        self.store.restore(snapshot)

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Drops memories that no kept snapshot names."""
        self.store.forget_before(kept)

    def close(self) -> None:
        """Has nothing to let go of, unless calls start something."""
