"""The far end of an engine that has processes: answers for any site, remembers none."""

from contextlib import suppress
from functools import cached_property
from pathlib import Path

from flmrcm.engines.in_process import InProcess
from flmrcm.federation.clients import ClientFactory
from flmrcm.federation.engine import Op
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast, Reply

Kept = dict[str, int]
"""The round a site's memory was last written in; empty before its first."""


class Worker:
    """What lives in another process: clients made there, an in-process engine, no history.

    Args:
        factory: makes the clients when the first call comes.
        memory: the folder of the sites' private memories.
        threads: torch threads during a call.
    """

    def __init__(self, factory: ClientFactory, memory: Path, threads: int) -> None:
        self.factory, self.memory, self.threads = factory, memory, threads

    @cached_property
    def engine(self) -> InProcess:
        """The engine of this process; memories are read from disk at every call."""
        return InProcess(self.factory(), MemoryStore(self.memory, budget=0), self.threads)

    def ready(self) -> None:
        """Makes the clients if they aren't there yet, so that no call's time goes into it."""
        with suppress(Exception):  # the call that follows meets it again, and tells
            _ = self.engine

    def answer(self, op: Op, site: str, message: Broadcast, kept: Kept) -> tuple[Reply, Kept]:
        """Gives a site's reply, and the round its memory is now kept under.

        Message and reply are as they travel.
        """
        self.engine.restore(kept)
        (reply,) = self.engine.call(op, {site: message})
        return reply, dict(self.engine.snapshot())
