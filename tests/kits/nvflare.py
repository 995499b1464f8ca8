"""NVFlare without processes: four site_files, and proxies that pack a call as NVFlare does."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any

from kits.deployed_sites import WORDS
from nvflare.app_opt.pt.decomposers import TensorDecomposer
from nvflare.collab.api.context import set_call_context
from nvflare.collab.api.exceptions import CollabCallError
from nvflare.fuel.utils import fobs

from flmrcm.config.compose import compose_config
from flmrcm.config.travelling import (
    build_run_id,
    dump_config,
    hash_travelling_config,
    select_travelling_config,
)
from flmrcm.remote.connection import Connection
from flmrcm.remote.nvflare.app.site import SiteEndpoint
from flmrcm.remote.nvflare.connection import NVFlareTransport
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.training import run_training

ABROAD = ["engine=nvflare", "engine.federation=deploy/coordinator", "engine.patience=0"]

fobs.register(TensorDecomposer)


class OneProcess:
    """A job's clients as NVFlare's proxies; sites take turns, since they share one process.

    Args:
        site_files: site → its file.
    """

    def __init__(self, site_files: Mapping[str, Path]) -> None:
        self.site_files = dict(site_files)
        self.away: set[str] = set()
        self.raises: dict[str, Exception] = {}
        self.gone: set[str] = set()
        self.over = Event()
        self.seen: list[str] = []
        self.timeouts: list[float] = []
        self.turn = Lock()
        self.sites: dict[str, SiteEndpoint] = {}

    def reach(self, folder: Path) -> Any:
        """Gives what the coordinator's process would: the way to the sites."""

        def way(parts: Any) -> Connection:
            travels = select_travelling_config(parts.config)
            self.sites = {name: self._site(name, dump_config(travels)) for name in self.site_files}
            clients = {name: Proxy(self, name) for name in self.site_files.keys() - self.away}
            experiment = build_run_id(travels, folder.name)
            return Connection(
                NVFlareTransport(clients), hash_travelling_config(travels), experiment
            )

        return way

    def _site(self, name: str, config: str) -> SiteEndpoint:
        site = SiteEndpoint(config)
        site._server = SiteServer(read_site_settings(self.site_files[name]))
        self.seen.append(config)
        return site


class Proxy:
    """One client of the job, as the coordinator's process holds it."""

    def __init__(self, job: OneProcess, name: str) -> None:
        self.job, self.name = job, name

    def __call__(self, timeout: float) -> "Proxy":
        self.job.timeouts.append(timeout)
        return self

    def is_alive(self) -> bool:
        if self.name in self.job.gone:
            raise CollabCallError(f"{self.name}.client", "is_alive", "unreachable")
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


def called(site: SiteEndpoint, name: str, caller: str = "server", **asked: Any) -> Any:
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
    run_training(
        compose_config("train", [*WORDS, *ABROAD, *words]), here, resumes, job.reach(folder)
    )
    return here
