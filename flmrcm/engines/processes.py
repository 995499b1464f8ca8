"""A few processes of this machine take turns with the sites, a thread each.

Where images are small, two processes of one thread train two sites in less time than one process of
two threads trains them one after the other, and without waiting for each other at every operation.
"""

import os
import pickle
import signal
from collections.abc import Sequence
from multiprocessing import connection, get_all_start_methods, get_context
from multiprocessing.connection import Connection
from typing import Any, ClassVar

from flmrcm.engines.pool import Pool, PoolTask, WorkerEnded, WorkerFailed, explain
from flmrcm.engines.site_worker import SiteWorker
from flmrcm.errors import require
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Operation
from flmrcm.federation.memory import MemoryStore
from flmrcm.types import Broadcast, Reply

# a server that has imported everything forks a worker in milliseconds, and holds none of the
# threads and locks that a fork of this process would take along
_METHOD = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
_IMPORTED = ["flmrcm.config.federation", "flmrcm.engines.in_process"]
_PATIENCE_S = 5.0


class Processes(Pool):
    """Calls sites in a pool of processes; private memories stay on disk, replies stay in order.

    Args:
        clients: by site name; each process makes its own with their factory.
        store: keeps private memories; it needs a folder.
        workers: processes, each with a model, each working for one site at a time; None takes one
            for each core that this process may use, at most one for each site.
        threads: torch threads of each.

    Raises:
        ConfigErrors: a value is outside its range.
    """

    on_one_machine: ClassVar[bool] = True

    def __init__(
        self, clients: Clients, store: MemoryStore, workers: int | None = None, threads: int = 1
    ) -> None:
        require(
            {
                "engine.workers": (workers is None or workers >= 1, f"at least 1; got {workers}."),
                "engine.threads": (threads >= 1, f"at least 1; got {threads}."),
            }
        )
        super().__init__(clients, store, workers or max(1, min(count_cores(), len(clients))))
        self.threads = threads

    def _start_worker(self) -> "WorkerProcess":
        return WorkerProcess(SiteWorker(self.factory, self.store.folder, self.threads))

    def _submit(self, worker: Any, op: Operation, site: str, message: Broadcast) -> PoolTask:
        memory_round, workload = self.store.snapshot().get(site), self.workloads.get(site)
        worker.send((op, site, message, memory_round, workload))
        return PoolTask(site, worker, worker.begun, worker.answers)

    def _wait(self, awaited: Sequence[Any], timeout: float | None) -> Sequence[Any]:
        return connection.wait(awaited, timeout)

    def _read(self, task: PoolTask) -> tuple[Reply, int | None]:
        answer = task.worker.receive()
        if isinstance(answer, str):
            raise WorkerFailed(answer)
        return answer

    def _kill(self, worker: "WorkerProcess") -> None:
        worker.kill()


class WorkerProcess:
    """A process that a site worker lives in, and the pipes to it.

    Attributes:
        begun: readable once the process begins a call, or is gone.
        answers: readable once it has answered, or is gone.
    """

    def __init__(self, worker: SiteWorker) -> None:
        context: Any = get_context(_METHOD)
        if _METHOD == "forkserver":
            context.set_forkserver_preload(_IMPORTED)
        self.begun, begins = context.Pipe(duplex=False)
        self.answers, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(worker, begins, theirs), daemon=True)
        self.process.start()
        begins.close()  # what only the process holds open ends with it
        theirs.close()

    def send(self, call: tuple[Any, ...]) -> None:
        """Hand over a call.

        Tensors go as bytes: `Connection.send` would move them to memory that both share.
        """
        while self.begun.poll():  # of the call before
            self.begun.recv_bytes()
        self.answers.send_bytes(pickle.dumps(call, pickle.HIGHEST_PROTOCOL))

    def receive(self) -> Any:
        """Return what it answers: a reply and the round of the site's memory, or one line.

        Raises:
            WorkerEnded: it is gone.
        """
        try:
            return pickle.loads(self.answers.recv_bytes())  # noqa: S301  # of our own process
        except (EOFError, OSError) as error:
            raise WorkerEnded from error

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join(_PATIENCE_S)
        self.begun.close()
        self.answers.close()


def count_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _serve(worker: SiteWorker, begins: Connection, answers: Connection) -> None:
    """Answer calls until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # typed for the run, which ends its processes
    while True:
        try:
            call = pickle.loads(answers.recv_bytes())  # noqa: S301  # of the process that made this one
        except EOFError:
            return
        worker.ready()
        begins.send_bytes(b"begun")
        try:
            answer: Any = worker.answer(*call)
        except Exception as error:  # a bug at one site is a line, not the run's end
            answer = explain(error)
        answers.send_bytes(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
