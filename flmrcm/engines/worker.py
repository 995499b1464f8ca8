"""The far end of an engine that has processes: answers for any site, remembers none."""

from functools import cached_property
from pathlib import Path

from flmrcm.engines.in_process import InProcess
from flmrcm.federation.crew import Recipe
from flmrcm.federation.engine import Op
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.wire import Wire
from flmrcm.types import Broadcast, Reply

Kept = dict[str, int]
"""The round a site's memory was last written in; empty before its first."""


class Worker:
    """What lives in another process: clients made there, an in-process engine, no history.

    Args:
        recipe: makes the clients when the first call comes.
        memory: the folder of the sites' private memories.
        threads: torch threads during a call.
        wire: how tensors travel.
    """

    def __init__(self, recipe: Recipe, memory: Path, threads: int, wire: Wire) -> None:
        self.recipe, self.memory, self.threads, self.wire = recipe, memory, threads, wire

    @cached_property
    def engine(self) -> InProcess:
        """The engine of this process; memories are read from disk at every call."""
        return InProcess(self.recipe(), MemoryStore(self.memory, budget=0), self.threads)

    def answer(self, op: Op, site: str, message: Broadcast, kept: Kept) -> tuple[Reply, Kept]:
        """Gives a site's reply as it travels, and the round its memory is now kept under."""
        self.engine.restore(kept)
        (reply,) = self.engine.call(op, {site: self.wire.unpacked(message)})
        return self.wire.packed(reply), dict(self.engine.snapshot())
