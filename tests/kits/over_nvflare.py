"""The contract's sites behind NVFlare's packing."""

from typing import Any

from kits.envelopes import Desk, connected
from kits.nvflare import carried

from flmrcm.federation.clients import Clients
from flmrcm.federation.memory import MemoryStore
from flmrcm.remote.codec import Envelope
from flmrcm.remote.nvflare.connection import NVFlareTransport
from flmrcm.remote.nvflare.engine import NVFlareEngine


class Proxy:
    """One client of a job, which is a desk."""

    def __init__(self, desk: Desk, site: str) -> None:
        self.desk, self.site = desk, site

    def __call__(self, timeout: float) -> "Proxy":
        return self

    def answer(self, **call: Any) -> Any:
        return carried(tuple(self.desk.answer(self.site, Envelope(**carried(call)))))


def engine(clients: Clients, store: MemoryStore) -> NVFlareEngine:
    """Return an engine whose envelopes NVFlare packs."""
    desk = Desk(clients, store)
    connection = connected(NVFlareTransport({site: Proxy(desk, site) for site in desk.sites}))
    return NVFlareEngine(clients, store, federation="deploy/coordinator", connection=connection)
