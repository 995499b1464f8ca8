"""NVFlare without processes: four sites, and proxies that pack a call as NVFlare does."""

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
from flmrcm.config.travelling import dump_config, select_travelling_config
from flmrcm.remote.connection import Connection
from flmrcm.remote.nvflare.app.site import SiteEndpoint
from flmrcm.remote.nvflare.connection import NVFlareTransport
from flmrcm.remote.requests import connect
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.training import run_training

REMOTE = ["engine=nvflare", "engine.federation=deploy/coordinator", "engine.patience=0"]

fobs.register(TensorDecomposer)


class OneProcess:
    """A job's clients as NVFlare's proxies; sites take turns, since they share one process.

    Args:
        site_files: site → its file.
    """

    def __init__(self, site_files: Mapping[str, Path]) -> None:
        self.site_files = dict(site_files)
        self.absent: set[str] = set()
        self.raises: dict[str, Exception] = {}
        self.gone: set[str] = set()
        self.done = Event()
        self.seen: list[str] = []
        self.timeouts: list[float] = []
        self.lock = Lock()
        self.sites: dict[str, SiteEndpoint] = {}

    def build_connect(self, folder: Path) -> Any:
        """Return the function with which the coordinator's process connects to the sites."""

        def connect_sites(setup: Any) -> Connection:
            config = dump_config(select_travelling_config(setup.config))
            self.sites = {name: self._start_site(name, config) for name in self.site_files}
            clients = {name: Proxy(self, name) for name in self.site_files.keys() - self.absent}
            return connect(setup, folder.name, NVFlareTransport(clients))

        return connect_sites

    def _start_site(self, name: str, config: str) -> SiteEndpoint:
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

    def answer(self, **call: Any) -> Any:
        if self.name in self.job.raises and '"op": "train"' in call["head"]:
            raise self.job.raises[self.name]
        self.job.seen.append(call["head"])
        if '"op": "train"' in call["head"] and self.name in self.job.gone:
            self.job.done.wait()
            raise CollabCallError(f"{self.name}.client", "answer", "unreachable")
        with self.job.lock:
            return carried(call_site(self.job.sites[self.name], self.name, **carried(call)))


def call_site(site: SiteEndpoint, name: str, caller: str = "server", **call: Any) -> Any:
    """Return a site's answer to a caller, as NVFlare names it."""
    set_call_context(SimpleNamespace(app=SimpleNamespace(name=name), caller=caller))
    try:
        return site.answer(**call)
    finally:
        set_call_context(None)


def carried(value: Any) -> Any:
    """Return a value packed and unpacked, as NVFlare does between two processes."""
    return fobs.loads(fobs.dumps(value))


def run_remote(folder: Path, job: OneProcess, *words: str, resumes: bool = False) -> RunFolder:
    """Run a federation whose sites are the job's clients and return its folder."""
    run = RunFolder(folder)
    cfg = compose_config("train", [*WORDS, *REMOTE, *words])
    run_training(cfg, run, resumes, job.build_connect(folder))
    return run
