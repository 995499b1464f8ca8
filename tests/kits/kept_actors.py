"""Ray's actors kept from one case to the next: to start one is to load PyTorch once more."""

from functools import partial
from pathlib import Path
from typing import Any

from flmrcm.engines.ray import RayActors
from flmrcm.engines.ray_start import start_ray
from flmrcm.engines.site_worker import SiteWorker
from flmrcm.federation.clients import ClientFactory

_kept: list[Any] = []


class Tenant(SiteWorker):
    """A site worker that may become another one, of which it remembers nothing."""

    def move(self, factory: ClientFactory, memory: Path | None, threads: int) -> None:
        """Work for another federation from now on."""
        self.__dict__.clear()
        self.__init__(factory, memory, threads)


class KeptActors(RayActors):
    """Ray's engine, but for its actors: what is closed here works for the next one."""

    def _start_worker(self) -> Any:
        work = self.factory, self.store.folder, self.threads
        if not _kept:
            return start_ray().remote(num_cpus=0)(Tenant).remote(*work)
        actor = _kept.pop()
        actor.move.remote(*work)  # an actor does its calls in order
        return actor

    def close(self) -> None:
        """Keep the idle actors; one that works is ended as ever."""
        _kept.extend(self._idle)
        self._idle.clear()


def keep_actors(make: Any) -> Any:
    """Return what makes an engine with kept actors, where it is Ray's; others as they are."""
    if isinstance(make, partial) and make.func is RayActors:
        return partial(KeptActors, **make.keywords)
    return make
