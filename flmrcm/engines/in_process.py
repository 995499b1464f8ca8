"""The default engine: sites take turns in this process, with one model in memory."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import ClassVar

import torch

from flmrcm.engines.one_store import OneStore
from flmrcm.errors import FlmrcmError
from flmrcm.federation.client import Client
from flmrcm.federation.engine import Op
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.wire import FULL_PRECISION
from flmrcm.types import Broadcast, Reply


class InProcess(OneStore):
    """Calls clients one after the other; messages are copied, so nothing is shared by accident.

    Args:
        clients: by site name.
        store: where their private memories live.
        threads: torch threads during a call, the same at every one; None takes torch's own choice.
    """

    can_interrupt: ClassVar[bool] = False
    on_one_machine: ClassVar[bool] = True

    def __init__(
        self, clients: Mapping[str, Client], store: MemoryStore, threads: int | None = None
    ) -> None:
        super().__init__(clients, store, FULL_PRECISION)
        self.threads = threads or torch.get_num_threads()

    def call(
        self, op: Op, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Gives replies one at a time, in sorted site order; a time-out can't be kept here."""
        for site in sorted(messages):
            yield self._reply(op, site, deepcopy(messages[site]))

    def _reply(self, op: Op, site: str, message: Broadcast) -> Reply:
        torch.set_num_threads(self.threads)
        memory = self.store.load(site)
        try:
            reply = self.clients[site].call(op, message, memory)
        except FlmrcmError as error:
            return Reply(site, error=f"site {site}, round {message.round}: {error}")
        if op == "train":
            self.store.save(site, memory, message.round)
        return reply
