"""The default engine: sites take turns in this process, with one model in memory."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import ClassVar

import torch

from flmrcm.engines.local_sites import LocalSites
from flmrcm.errors import require
from flmrcm.federation.client import Client
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_call import call_site
from flmrcm.types import Broadcast, Reply


class InProcess(LocalSites):
    """Calls clients one after the other; messages are copied, so that none is shared by accident.

    Args:
        clients: by site name.
        store: keeps their private memories.
        threads: torch threads during a call, the same at every call; None leaves torch's choice.

    Raises:
        ConfigErrors: a number of threads below 1.
    """

    can_interrupt: ClassVar[bool] = False
    on_one_machine: ClassVar[bool] = True

    def __init__(
        self, clients: Mapping[str, Client], store: MemoryStore, threads: int | None = None
    ) -> None:
        require(
            {"engine.threads": (threads is None or threads >= 1, f"at least 1; got {threads}.")}
        )
        super().__init__(clients, store)
        self.threads = threads or torch.get_num_threads()

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Return replies one at a time, in sorted site order; no call ends at a time-out."""
        for site in sorted(messages):
            message, workload = deepcopy(messages[site]), self.workloads.get(site)
            yield call_site(self.clients[site], op, message, self.store, workload, self.threads)
