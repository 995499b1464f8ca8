"""The common part of engines whose sites' data and private memories lie on this machine."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flmrcm.federation.client import Client
from flmrcm.federation.engine import Joined
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_facts import collect_facts
from flmrcm.federation.workload import Workload
from flmrcm.file_queue import FileQueue


class LocalSites:
    """Sites by name, their memories in one store.

    Args:
        clients: by site name.
        store: keeps their private memories.
    """

    data_is_local: ClassVar[bool] = True

    def __init__(self, clients: Mapping[str, Client], store: MemoryStore) -> None:
        self.clients, self.store = clients, store
        self.workloads: Mapping[str, Workload] = {}

    @property
    def files(self) -> FileQueue:
        """In which the store writes."""
        return self.store.files

    def sites(self) -> Sequence[str]:
        """Return the sites, sorted."""
        return sorted(self.clients)

    def join(self, splits: Mapping[str, Sequence[str]]) -> Joined:
        """Generate data that are still missing, read every header, and return the facts.

        Raises:
            DataLayoutError: data are not as the contract requires.
        """
        sites = {name: self.clients[name].site for name in splits}
        for site in sites.values():
            site.ensure()
        return Joined({name: collect_facts(sites[name], splits[name]) for name in splits}, {})

    def snapshot(self) -> Mapping[str, int]:
        """Return the round each site's memory was last written in."""
        return self.store.snapshot()

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Go back to the memories of a snapshot."""
        self.store.restore(snapshot)

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Drop memories that no kept snapshot names."""
        self.store.forget_before(kept)

    def close(self) -> None:
        """Do nothing: calls start no process here."""
