"""Tasks carried out one by one in this process, or in parallel in others."""

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread

import torch

from flmrcm.errors import FlmrcmError
from flmrcm.prepare.volume_task import VolumeOutcome, VolumeTask, VolumeWorker


class WorkerLost(FlmrcmError):
    """A worker process was killed while it prepared a volume."""


def run_tasks(
    worker: VolumeWorker, tasks: Sequence[VolumeTask], processes: int
) -> Iterator[VolumeOutcome]:
    """Yield the outcome of each task, in the order in which they end.

    If the caller stops early, tasks that have begun are completed and no other is begun.

    Args:
        worker: carries out one task.
        tasks: the tasks in the order in which they begin.
        processes: number of processes; 1 uses this process.

    Raises:
        WorkerLost: a process was killed; complete files stay.
    """
    if processes == 1:
        yield from map(worker, tasks)
        return
    # not "fork": a fork copies locks that threads of this process hold, and may then wait forever
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(
        min(processes, max(1, len(tasks))), context, initializer=_start_worker
    )
    try:
        for future in as_completed([pool.submit(worker, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool:
        raise WorkerLost(
            "a worker process was killed, most likely because memory ran out; all complete volumes "
            "are kept. Give the same command again, with fewer workers."
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Set up a new process: it leaves Ctrl-C to the parent, uses one thread and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # a killed parent can't end its workers: they would write into a folder that nobody locks
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)
