"""Many volumes examined at once, in processes of their own."""

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
    """Gives every volume's facts, in order, one by one.

    Args:
        places: of the volumes.
        quick: read three slices of each.
        workers: processes; 1 stays in this one.

    Raises:
        FlmrcmError: a worker process died.
    """
    if workers == 1:
        yield from (examine(place, quick) for place in places)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _set_up_worker)
    try:
        yield from pool.map(examine, places, repeat(quick), chunksize=4)
    except BrokenProcessPool:
        raise FlmrcmError(
            "a worker process died, perhaps for want of memory; try fewer (workers=1)."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _set_up_worker() -> None:
    """One thread a worker; Ctrl-C is the parent's to answer."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
