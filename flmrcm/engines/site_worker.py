"""A worker of a pool: it answers for any site and remembers none."""

from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from flmrcm.federation.clients import ClientFactory
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_call import call_site
from flmrcm.federation.workload import Workload
from flmrcm.types import Broadcast, Reply


class SiteWorker:
    """Calls clients made in its own process; memories are read from disk at every call.

    Args:
        factory: makes the clients at the first call.
        memory: the folder of the sites' private memories.
        threads: torch threads during a call.
    """

    def __init__(self, factory: ClientFactory, memory: Path | None, threads: int) -> None:
        self.factory, self.memory, self.threads = factory, memory, threads

    @cached_property
    def clients(self) -> dict[str, Any]:
        """The clients of this process, by site name."""
        return dict(self.factory())

    def ready(self) -> None:
        """Make the clients if they are not there yet, so that no call's time goes into it."""
        with suppress(Exception):  # the call that follows meets the same error and reports it
            _ = self.clients

    def answer(
        self,
        op: Operation,
        site: str,
        message: Broadcast,
        memory_round: int | None,
        workload: Workload | None,
    ) -> tuple[Reply, int | None]:
        """Return a site's reply, and the round its memory is kept under; None if it has none.

        Args:
            op: what the site is to do.
            site: its name.
            message: as it travels.
            memory_round: the round its memory was last written in.
            workload: what it trains in a round.
        """
        store = MemoryStore(self.memory, budget=0)
        store.restore({} if memory_round is None else {site: memory_round})
        reply = call_site(self.clients[site], op, message, store, workload, self.threads)
        return reply, store.snapshot().get(site)
