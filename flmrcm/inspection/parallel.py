"""Several volumes examined at the same time, in other processes."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import repeat
from multiprocessing import get_context

import torch

from flmrcm.errors import FlmrcmError
from flmrcm.inspection.volume_facts import VolumeFacts, examine
from flmrcm.inspection.volume_places import VolumePlace


def examine_all(places: Sequence[VolumePlace], quick: bool, workers: int) -> Iterator[VolumeFacts]:
    """Yield the facts of every volume, in the order of `places`.

    Args:
        places: the volumes.
        quick: whether to read three slices of each instead of all.
        workers: number of processes; 1 uses this process.

    Raises:
        FlmrcmError: a worker process was killed.
    """
    if workers == 1:
        yield from (examine(place, quick) for place in places)
        return
    # not forked: torch's threads don't survive a fork
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _set_up_worker)
    try:
        yield from pool.map(examine, places, repeat(quick), chunksize=4)
    except BrokenProcessPool:
        raise FlmrcmError(
            "a worker process was killed, perhaps because memory ran out; try workers=1."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _set_up_worker() -> None:
    """Use one thread per worker, and leave Ctrl-C to the parent process."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
