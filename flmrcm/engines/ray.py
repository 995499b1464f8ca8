"""Ray: a few processes on one machine take turns with the sites, on GPUs where it has some."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from math import inf
from typing import Any, ClassVar

import torch

from flmrcm.engines.devices import share_gpus
from flmrcm.engines.local_sites import LocalSites
from flmrcm.engines.ray_start import start_ray
from flmrcm.engines.ray_tasks import RayTask, wait_for_tasks
from flmrcm.engines.ray_worker import RayWorker
from flmrcm.errors import ConfigErrors, FlmrcmError, require
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast, Reply

log = logging.getLogger(__name__)


class RayActors(LocalSites):
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

    can_interrupt: ClassVar[bool] = True
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
        super().__init__(clients, store)
        self.factory, self.actors = clients.factory, actors
        self.gpus_per_site = share_gpus(gpus_per_site, actors, torch.cuda.device_count())
        self.threads = threads or max(1, torch.get_num_threads() // actors)
        self._idle: list[Any] = []

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Return replies in sorted site order; up to `actors` sites work at once.

        A time-out counts from the moment when an actor, already started, begins the call.
        """
        ray, waiting, limit = start_ray(), deque(sorted(messages)), timeout or inf
        tasks, replies = list[RayTask](), dict[str, Reply]()
        try:
            for site in sorted(messages):
                while site not in replies:
                    while waiting and len(tasks) < self.actors:
                        name = waiting.popleft()
                        tasks.append(self._submit(ray, op, name, messages[name]))
                    done, late = wait_for_tasks(ray, tasks, limit)
                    tasks = [task for task in tasks if task not in (*done, *late)]
                    replies |= {task.site: self._read_reply(ray, task, messages) for task in done}
                    replies |= {task.site: _report_late(task, limit, messages) for task in late}
                    # an actor cannot be interrupted, so it is replaced by a new one
                    _end(ray, late)
                yield replies.pop(site)
        finally:
            _end(ray, tasks)  # a caller that stopped early may call the same sites again at once

    def close(self) -> None:
        """End the actors; Ray itself ends with this process."""
        while self._idle:
            start_ray().kill(self._idle.pop())

    def _submit(self, ray: Any, op: Operation, site: str, message: Broadcast) -> RayTask:
        actor = self._idle.pop() if self._idle else self._start_actor(ray)
        memory_round, workload = self.store.snapshot().get(site), self.workloads.get(site)
        ready = actor.ready.remote()  # an actor does its calls in order, so this ends first
        reply = actor.answer.remote(op, site, message, memory_round, workload)
        return RayTask(site, actor, ready, reply)

    def _start_actor(self, ray: Any) -> Any:
        # our own pool limits the actors; if Ray counted CPUs, more actors than CPUs would wait
        actor = ray.remote(num_cpus=0, num_gpus=self.gpus_per_site)(RayWorker)
        return actor.remote(self.factory, self.store.folder, self.threads)

    def _read_reply(self, ray: Any, task: RayTask, messages: Mapping[str, Broadcast]) -> Reply:
        where = _locate(task, messages)
        try:
            reply, memory_round = ray.get(task.reply)
            if memory_round is not None:  # the file is written; this process only notes its round
                self.store.restore({**self.store.snapshot(), task.site: memory_round})
        except ray.exceptions.RayTaskError as error:
            log.debug("site %s failed", task.site, exc_info=True)
            reply = Reply(task.site, error=f"{where}: {_explain(error.cause)}")
        except ray.exceptions.RayError:
            log.debug("site %s's process ended", task.site, exc_info=True)
            why = "its process ended (killed, or out of memory)."
            return Reply(task.site, error=f"{where}: {why}")
        self._idle.append(task.actor)
        return reply


def _end(ray: Any, tasks: Sequence[RayTask]) -> None:
    for task in tasks:
        ray.kill(task.actor)


def _report_late(task: RayTask, limit: float, messages: Mapping[str, Broadcast]) -> Reply:
    why = f"no reply within {limit:g} s (robust.timeout)."
    return Reply(task.site, error=f"{_locate(task, messages)}: {why}")


def _locate(task: RayTask, messages: Mapping[str, Broadcast]) -> str:
    return f"site {task.site}, round {messages[task.site].round}"


def _explain(error: BaseException) -> str:
    """Return an error in one line; an error of this package needs no name of its class."""
    kind = "" if isinstance(error, FlmrcmError) else f"{type(error).__name__}: "
    return kind + (str(error).splitlines() or [""])[0]
