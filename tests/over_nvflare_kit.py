"""A desk behind NVFlare's packing."""

from typing import Any

from letters_kit import Desk, reached
from nvflare_kit import carried

from flmrcm.engines.letters import Letter
from flmrcm.engines.nvflare import NVFlareSites
from flmrcm.engines.nvflare_calls import NVFlareClients
from flmrcm.federation.crew import Crew
from flmrcm.federation.memory import MemoryStore


class Proxy:
    """One client of a job, being a desk."""

    def __init__(self, desk: Desk, site: str) -> None:
        self.desk, self.site = desk, site

    def __call__(self, timeout: float) -> "Proxy":
        return self

    def answer(self, **asked: Any) -> Any:
        return carried(tuple(self.desk.answer(self.site, Letter(**carried(asked)))))


def engine(clients: Crew, store: MemoryStore) -> NVFlareSites:
    """Gives an engine whose letters NVFlare packs."""
    desk = Desk(clients, store)
    reach = reached(NVFlareClients({site: Proxy(desk, site) for site in desk.sites}))
    return NVFlareSites(clients, store, federation="deploy/coordinator", reach=reach)
