"""What Ray's actors are busy with: who has begun, who is over, whose time is up."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any


@dataclass(eq=False)
class RayTask:
    """A site's call in the hands of an actor.

    Attributes:
        site: that was called.
        actor: at work for it.
        ready: resolves when the actor begins to work on it, its start-up behind it.
        reply: resolves when the actor has ended.
        deadline: when its time is up, by this process's monotonic clock.
    """

    site: str
    actor: Any
    ready: Any
    reply: Any
    begun: bool = False
    deadline: float = inf

    def begin(self, limit: float) -> None:
        """Notes that the actor has begun, and gives it `limit` seconds."""
        self.begun, self.deadline = True, monotonic() + limit


def wait_for_tasks(
    ray: Any, works: Sequence[RayTask], limit: float
) -> tuple[list[RayTask], list[RayTask]]:
    """Waits until something happens; gives the works that are over, and those that are late.

    Args:
        ray: running.
        works: at least one.
        limit: seconds an actor may work on a call.
    """
    awaited = {work.reply if work.begun else work.ready: work for work in works}
    left = min(work.deadline for work in works) - monotonic()
    ready, _ = ray.wait(list(awaited), timeout=None if left == inf else max(0.0, left))
    if not ready:  # so whoever has replied meanwhile isn't late
        return [], [work for work in works if work.deadline <= monotonic()]
    work = awaited[ready[0]]
    if work.begun:
        return [work], []
    work.begin(limit)
    return [], []
