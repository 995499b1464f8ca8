"""Tasks done one by one here, or side by side in other processes."""

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
    """A process was killed in the middle of a volume."""


def run_tasks(
    worker: VolumeWorker, tasks: Sequence[VolumeTask], processes: int
) -> Iterator[VolumeOutcome]:
    """Gives what became of each task, as they end.

    However it's left, no task is cut off in the middle and no new one is begun.

    Args:
        worker: does one task.
        tasks: in the order they're begun.
        processes: 1 does them in this process.

    Raises:
        WorkerLost: a process was killed; whole files stay.
    """
    if processes == 1:
        yield from map(worker, tasks)
        return
    # not forked from here: a fork copies locks that threads of this process hold
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
            "a worker process was killed, most likely for want of memory. Whatever was whole is "
            "kept: type the same command again, with fewer workers."
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """In a new process: Ctrl-C is the parent's to answer, and without it there's no work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)
