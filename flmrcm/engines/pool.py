"""A pool of workers takes turns with the sites: which call is whose, what is done, what is late."""

import logging
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, ClassVar

from flmrcm.engines.local_sites import LocalSites
from flmrcm.errors import FlmrcmError
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast, Reply

log = logging.getLogger(__name__)


@dataclass(eq=False)
class PoolTask:
    """A site's call that a worker works on.

    Attributes:
        site: that was called.
        worker: works on it.
        ready: resolves when the worker, already started, begins the call.
        reply: resolves when the worker has ended the call.
        begun: whether `ready` has resolved.
        deadline: when its time is up, in seconds of this process's monotonic clock.
    """

    site: str
    worker: Any
    ready: Any
    reply: Any
    begun: bool = False
    deadline: float = inf

    def begin(self, limit: float) -> None:
        """Note that the worker has begun, and give it `limit` seconds."""
        self.begun, self.deadline = True, monotonic() + limit


class WorkerEnded(Exception):
    """A worker's process ended before its reply."""


class WorkerFailed(Exception):
    """A worker met an error that is no site's refusal; it lives on. The text says which."""


class Pool(LocalSites):
    """Calls sites in a pool of workers; private memories stay on disk, replies stay in order.

    Args:
        clients: by site name; each worker makes its own with their factory.
        store: keeps private memories; it needs a folder.
        most: workers at once.
    """

    can_interrupt: ClassVar[bool] = True

    def __init__(self, clients: Clients, store: MemoryStore, most: int) -> None:
        super().__init__(clients, store)
        self.factory, self.most = clients.factory, most
        self._idle: list[Any] = []

    @abstractmethod
    def _start_worker(self) -> Any:
        """Return a new worker."""

    @abstractmethod
    def _submit(self, worker: Any, op: Operation, site: str, message: Broadcast) -> PoolTask:
        """Return a call that an idle worker now works on."""

    @abstractmethod
    def _wait(self, awaited: Sequence[Any], timeout: float | None) -> Sequence[Any]:
        """Return which of what tasks await have resolved, after `timeout` seconds perhaps none."""

    @abstractmethod
    def _read(self, task: PoolTask) -> tuple[Reply, int | None]:
        """Return a task's reply, and the round that its site's memory was written in.

        Raises:
            WorkerFailed: the worker met an error.
            WorkerEnded: it is gone.
        """

    @abstractmethod
    def _kill(self, worker: Any) -> None:
        """End a worker at once, whatever it does."""

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Return replies in sorted site order; as many sites work at once as there are workers.

        A time-out counts from the moment when a worker, already started, begins the call.
        """
        waiting, limit = deque(sorted(messages)), timeout or inf
        tasks, replies = list[PoolTask](), dict[str, Reply]()
        try:
            for site in sorted(messages):
                while site not in replies:
                    while waiting and len(tasks) < self.most:
                        name = waiting.popleft()
                        worker = self._idle.pop() if self._idle else self._start_worker()
                        tasks.append(self._submit(worker, op, name, messages[name]))
                    done, late = wait_for_tasks(self._wait, tasks, limit)
                    tasks = [task for task in tasks if task not in (*done, *late)]
                    replies |= {task.site: self._take(task, messages) for task in done}
                    replies |= {task.site: _report_late(task, limit, messages) for task in late}
                    # a worker cannot be interrupted, so it is replaced by a new one
                    self._end(late)
                yield replies.pop(site)
        finally:
            self._end(tasks)  # a caller that stopped early may call the same sites again at once

    def close(self) -> None:
        """End the workers."""
        while self._idle:
            self._kill(self._idle.pop())

    def _take(self, task: PoolTask, messages: Mapping[str, Broadcast]) -> Reply:
        where = _locate(task, messages)
        try:
            reply, memory_round = self._read(task)
            if memory_round is not None:  # the file is written; this process only notes its round
                self.store.restore({**self.store.snapshot(), task.site: memory_round})
        except WorkerFailed as error:
            log.debug("site %s failed", task.site, exc_info=True)
            reply = Reply(task.site, error=f"{where}: {error}")
        except WorkerEnded:
            log.debug("site %s's process ended", task.site, exc_info=True)
            why = "its process ended (killed, or out of memory)."
            return Reply(task.site, error=f"{where}: {why}")
        self._idle.append(task.worker)
        return reply

    def _end(self, tasks: Sequence[PoolTask]) -> None:
        for task in tasks:
            self._kill(task.worker)


def wait_for_tasks(
    wait: Callable[[Sequence[Any], float | None], Sequence[Any]],
    tasks: Sequence[PoolTask],
    limit: float,
) -> tuple[list[PoolTask], list[PoolTask]]:
    """Wait until a task changes; return the tasks that are done, and those that are late.

    Both lists are empty where a task has only begun.

    Args:
        wait: takes what tasks await and a time-out in seconds; returns what has resolved.
        tasks: at least one.
        limit: seconds that a worker may work on a call.
    """
    awaited = {task.reply if task.begun else task.ready: task for task in tasks}
    left = min(task.deadline for task in tasks) - monotonic()
    ready = wait(list(awaited), None if left == inf else max(0.0, left))
    if not ready:  # late only where nothing has resolved: a reply that waits unread is in time
        return [], [task for task in tasks if task.deadline <= monotonic()]
    task = awaited[ready[0]]
    if task.begun:
        return [task], []
    task.begin(limit)
    return [], []


def explain(error: BaseException) -> str:
    """Return an error in one line; an error of this package needs no name of its class."""
    kind = "" if isinstance(error, FlmrcmError) else f"{type(error).__name__}: "
    return kind + (str(error).splitlines() or [""])[0]


def _report_late(task: PoolTask, limit: float, messages: Mapping[str, Broadcast]) -> Reply:
    why = f"no reply within {limit:g} s (robust.timeout)."
    return Reply(task.site, error=f"{_locate(task, messages)}: {why}")


def _locate(task: PoolTask, messages: Mapping[str, Broadcast]) -> str:
    return f"site {task.site}, round {messages[task.site].round}"
