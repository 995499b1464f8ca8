"""The calls that Ray's actors work on: which have begun, which are done, which are late."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any


@dataclass(eq=False)
class RayTask:
    """A site's call that an actor works on.

    Attributes:
        site: that was called.
        actor: works on it.
        ready: resolves when the actor, already started, begins the call.
        reply: resolves when the actor has ended the call.
        begun: whether `ready` has resolved.
        deadline: when its time is up, in seconds of this process's monotonic clock.
    """

    site: str
    actor: Any
    ready: Any
    reply: Any
    begun: bool = False
    deadline: float = inf

    def begin(self, limit: float) -> None:
        """Note that the actor has begun, and give it `limit` seconds."""
        self.begun, self.deadline = True, monotonic() + limit


def wait_for_tasks(
    ray: Any, tasks: Sequence[RayTask], limit: float
) -> tuple[list[RayTask], list[RayTask]]:
    """Wait until a task changes; return the tasks that are done, and those that are late.

    Both lists are empty where a task has only begun.

    Args:
        ray: running.
        tasks: at least one.
        limit: seconds that an actor may work on a call.
    """
    awaited = {task.reply if task.begun else task.ready: task for task in tasks}
    left = min(task.deadline for task in tasks) - monotonic()
    ready, _ = ray.wait(list(awaited), timeout=None if left == inf else max(0.0, left))
    if not ready:  # late only where nothing has resolved: a reply that waits unread is in time
        return [], [task for task in tasks if task.deadline <= monotonic()]
    task = awaited[ready[0]]
    if task.begun:
        return [task], []
    task.begin(limit)
    return [], []
