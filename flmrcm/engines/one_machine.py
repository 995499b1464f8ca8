"""What engines share whose sites' private memories lie on this machine."""

from collections.abc import Mapping, Sequence

from flmrcm.federation.client import Client
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.wire import Wire
from flmrcm.types import Weights


class OneMachine:
    """Sites by name, their memories in one store, and what their tensors weigh on the way.

    Args:
        clients: by site name.
        store: where their private memories live.
        wire: how tensors travel.
    """

    def __init__(self, clients: Mapping[str, Client], store: MemoryStore, wire: Wire) -> None:
        self.clients, self.store, self.wire = clients, store, wire

    def sites(self) -> Sequence[str]:
        """Gives the sites, sorted."""
        return sorted(self.clients)

    def n_bytes(self, tensors: Weights) -> int:
        """Gives the bytes that tensors take on their way to a site or back."""
        return self.wire.n_bytes(tensors)

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
