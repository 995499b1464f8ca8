"""NVFlare without processes: four houses, and proxies that pack a call as NVFlare does."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any

from houses_kit import WORDS
from nvflare.app_opt.pt.decomposers import TensorDecomposer
from nvflare.collab.api.context import set_call_context
from nvflare.collab.api.exceptions import CollabCallError
from nvflare.fuel.utils import fobs

from flmrcm.assembly.abroad import as_text, experiment_of, travel_hash, travelling
from flmrcm.assembly.compose import composed
from flmrcm.assembly.house import read_house
from flmrcm.engines.abroad import Reach
from flmrcm.engines.nvflare_calls import NVFlareClients
from flmrcm.nvflare_app.site import Site
from flmrcm.runs.at_site import Host
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.training import run

ABROAD = ["engine=nvflare", "engine.federation=deploy/coordinator", "engine.patience=0"]

fobs.register(TensorDecomposer)


class OneProcess:
    """A job's clients as NVFlare's proxies; sites take turns, since they share one process.

    Args:
        houses: site → its file.
    """

    def __init__(self, houses: Mapping[str, Path]) -> None:
        self.houses = dict(houses)
        self.away: set[str] = set()
        self.raises: dict[str, Exception] = {}
        self.gone: set[str] = set()
        self.over = Event()
        self.seen: list[str] = []
        self.timeouts: list[float] = []
        self.turn = Lock()
        self.sites: dict[str, Site] = {}

    def reach(self, folder: Path) -> Any:
        """Gives what the coordinator's process would: the way to the sites."""

        def way(parts: Any) -> Reach:
            travels = travelling(parts.config)
            self.sites = {name: self._site(name, as_text(travels)) for name in self.houses}
            clients = {name: Proxy(self, name) for name in self.houses.keys() - self.away}
            experiment = experiment_of(travels, folder.name)
            return Reach(NVFlareClients(clients), travel_hash(travels), experiment)

        return way

    def _site(self, name: str, config: str) -> Site:
        site = Site(config)
        site._host = Host(read_house(self.houses[name]))
        self.seen.append(config)
        return site


class Proxy:
    """One client of the job, as the coordinator's process holds it."""

    def __init__(self, job: OneProcess, name: str) -> None:
        self.job, self.name = job, name

    def __call__(self, timeout: float) -> "Proxy":
        self.job.timeouts.append(timeout)
        return self

    def here(self) -> bool:
        if self.name in self.job.gone:
            raise CollabCallError(f"{self.name}.client", "here", "unreachable")
        return True

    def answer(self, **asked: Any) -> Any:
        if self.name in self.job.raises and '"op": "train"' in asked["head"]:
            raise self.job.raises[self.name]
        self.job.seen.append(asked["head"])
        if '"op": "train"' in asked["head"] and self.name in self.job.gone:
            self.job.over.wait(60)
            raise CollabCallError(f"{self.name}.client", "answer", "unreachable")
        with self.job.turn:
            return carried(called(self.job.sites[self.name], self.name, **carried(asked)))


def called(site: Site, name: str, caller: str = "server", **asked: Any) -> Any:
    """Gives a site's answer, the caller being who NVFlare says it is."""
    set_call_context(SimpleNamespace(app=SimpleNamespace(name=name), caller=caller))
    try:
        return site.answer(**asked)
    finally:
        set_call_context(None)


def carried(what: Any) -> Any:
    """Packs and unpacks as NVFlare does between two processes."""
    return fobs.loads(fobs.dumps(what))


def run_abroad(folder: Path, job: OneProcess, *words: str, resumes: bool = False) -> RunFolder:
    """Runs a federation whose sites are the job's clients."""
    here = RunFolder(folder)
    run(composed("train", [*WORDS, *ABROAD, *words]), here, resumes, job.reach(folder))
    return here
