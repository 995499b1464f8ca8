"""Ray: a few processes on one machine take turns with the sites, on its GPUs if there are any."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

import torch

from flmrcm.engines.devices import gpu_share
from flmrcm.engines.one_machine import OneMachine
from flmrcm.engines.ray_start import started
from flmrcm.engines.worker import Worker
from flmrcm.errors import ConfigErrors, FlmrcmError, require
from flmrcm.federation.crew import Crew
from flmrcm.federation.engine import Op
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.wire import Wire
from flmrcm.types import Broadcast, Reply

log = logging.getLogger(__name__)


class RayActors(OneMachine):
    """Hands sites to a pool of actors; private memories stay on disk, replies stay in order.

    Args:
        clients: by site name; each actor makes its own by their recipe.
        store: where private memories lie; it needs a folder.
        actors: processes, each with a model, each at work for one site at a time.
        gpus_per_site: GPUs of each; 0.5 lets two share one. None shares out all there are.
        threads: torch threads of each; None shares out this process's.
        wire: fp32 | bf16 | fp16: how tensors travel.

    Raises:
        ConfigErrors: Ray isn't installed, or a value is outside its range.
    """

    may_share_images: ClassVar[bool] = False

    def __init__(
        self,
        clients: Crew,
        store: MemoryStore,
        actors: int = 2,
        gpus_per_site: float | None = None,
        threads: int | None = None,
        wire: str = "fp32",
    ) -> None:
        if find_spec("ray") is None:
            raise ConfigErrors(["engine=ray: Ray isn't installed; pip install 'flmrcm[ray]'."])
        require(
            {
                "engine.actors": (actors >= 1, f"at least 1; got {actors}."),
                "engine.threads": (threads is None or threads >= 1, f"at least 1; got {threads}."),
            }
        )
        super().__init__(clients, store, Wire(wire))
        self.recipe, self.actors = clients.recipe, actors
        self.gpus_per_site = gpu_share(gpus_per_site, actors, torch.cuda.device_count())
        self.threads = threads or max(1, torch.get_num_threads() // actors)
        self._idle: list[Any] = []

    def call(self, op: Op, messages: Mapping[str, Broadcast]) -> Iterator[Reply]:
        """Gives replies in sorted site order; up to `actors` sites are at work at once."""
        ray, waiting = started(), deque(sorted(messages))
        at_work, replies = dict[Any, tuple[str, Any]](), dict[str, Reply]()
        try:
            for site in sorted(messages):
                while site not in replies:
                    while waiting and len(at_work) < self.actors:
                        name = waiting.popleft()
                        actor = self._idle.pop() if self._idle else self._hired(ray)
                        asked = op, name, self.wire.packed(messages[name]), self._kept(name)
                        at_work[actor.answer.remote(*asked)] = name, actor
                    (ended, *_), _ = ray.wait(list(at_work))
                    name, actor = at_work.pop(ended)
                    replies[name] = self._reply(ended, actor, name, messages[name].round)
                yield replies.pop(site)
        finally:  # nobody listens any more: who is still at work will be free for the next call
            self._idle += [actor for _, actor in at_work.values()]

    def close(self) -> None:
        """Ends the actors; Ray itself ends with this process."""
        while self._idle:
            started().kill(self._idle.pop())

    def _hired(self, ray: Any) -> Any:
        actor = ray.remote(num_cpus=0, num_gpus=self.gpus_per_site)(Worker)
        return actor.remote(self.recipe, self.store.folder, self.threads, self.wire)

    def _kept(self, site: str) -> dict[str, int]:
        return {name: round_ for name, round_ in self.store.snapshot().items() if name == site}

    def _reply(self, ended: Any, actor: Any, site: str, round_: int) -> Reply:
        ray = started()
        try:
            travelled, kept = ray.get(ended)
            reply = self.wire.unpacked(travelled)
            self.store.restore({**self.store.snapshot(), **kept})
        except ray.exceptions.RayTaskError as error:
            log.debug("site %s failed", site, exc_info=True)
            reply = Reply(site, error=f"site {site}, round {round_}: {_reason(error.cause)}")
        except ray.exceptions.RayError:
            log.debug("site %s's process ended", site, exc_info=True)
            why = "its process ended (killed, or out of memory). Go on with resume=FOLDER."
            return Reply(site, error=f"site {site}, round {round_}: {why}")
        self._idle.append(actor)
        return reply


def _reason(error: BaseException) -> str:
    """Gives an error in one line; those of ours explain themselves."""
    kind = "" if isinstance(error, FlmrcmError) else f"{type(error).__name__}: "
    return kind + (str(error).splitlines() or [""])[0]
