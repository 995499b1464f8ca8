"""Ray: a few processes on one machine take turns with the sites, on GPUs where it has some."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import torch

from flmrcm.engines.devices import share_gpus
from flmrcm.engines.pool import Pool, PoolTask, WorkerEnded, WorkerFailed, explain
from flmrcm.engines.ray_start import start_ray
from flmrcm.engines.site_worker import SiteWorker
from flmrcm.errors import ConfigErrors, require
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast, Reply


class RayActors(Pool):
    """Calls sites in a pool of actors; private memories stay on disk, replies stay in order.

    Args:
        clients: by site name; each actor makes its own with their factory.
        store: keeps private memories; it needs a folder.
        actors: processes, each with a model, each working for one site at a time.
        gpus_per_site: GPUs of each; 0.5 lets two share one. None divides all of them evenly.
        threads: torch threads of each; None divides this process's evenly.

    Raises:
        ConfigErrors: Ray is not installed, or a value is outside its range.
    """

    on_one_machine: ClassVar[bool] = False

    def __init__(
        self,
        clients: Clients,
        store: MemoryStore,
        actors: int = 2,
        gpus_per_site: float | None = None,
        threads: int | None = None,
    ) -> None:
        if find_spec("ray") is None:
            raise ConfigErrors(["engine=ray: Ray isn't installed; pip install 'flmrcm[ray]'."])
        require(
            {
                "engine.actors": (actors >= 1, f"at least 1; got {actors}."),
                "engine.threads": (threads is None or threads >= 1, f"at least 1; got {threads}."),
            }
        )
        super().__init__(clients, store, actors)
        self.gpus_per_site = share_gpus(gpus_per_site, actors, torch.cuda.device_count())
        self.threads = threads or max(1, torch.get_num_threads() // actors)

    def _start_worker(self) -> Any:
        # our own pool limits the actors; if Ray counted CPUs, more actors than CPUs would wait
        actor = start_ray().remote(num_cpus=0, num_gpus=self.gpus_per_site)(SiteWorker)
        return actor.remote(self.factory, self.store.folder, self.threads)

    def _submit(self, worker: Any, op: Operation, site: str, message: Broadcast) -> PoolTask:
        memory_round, workload = self.store.snapshot().get(site), self.workloads.get(site)
        ready = worker.ready.remote()  # an actor does its calls in order, so this ends first
        reply = worker.answer.remote(op, site, message, memory_round, workload)
        return PoolTask(site, worker, ready, reply)

    def _wait(self, awaited: Sequence[Any], timeout: float | None) -> Sequence[Any]:
        return start_ray().wait(list(awaited), timeout=timeout)[0]

    def _read(self, task: PoolTask) -> tuple[Reply, int | None]:
        ray = start_ray()
        try:
            return ray.get(task.reply)
        except ray.exceptions.RayTaskError as error:
            raise WorkerFailed(explain(error.cause)) from error
        except ray.exceptions.RayError as error:
            raise WorkerEnded from error

    def _kill(self, worker: Any) -> None:
        start_ray().kill(worker)  # Ray itself ends with this process
