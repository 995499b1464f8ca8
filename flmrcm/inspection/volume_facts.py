"""Everything that is known about volumes: place, header, attributes and measures of each."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context

import numpy as np
import torch
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.data.own_sampling import adopt_own_sampling
from flmrcm.data.provenance import Provenance, read_provenance
from flmrcm.data.stored_sampling import StoredSampling, read_stored_sampling
from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.inspection.measures import VolumeMeasures, combine_measures, measure_slice
from flmrcm.inspection.volume_places import VolumePlace

_QUICK_HEIGHTS = (0.25, 0.5, 0.75)  # positions in the volume of the slices that `quick` reads


@dataclass(frozen=True)
class VolumeFacts:
    """What is known about one volume.

    Attributes:
        place: file, site, contrast and split.
        n_bytes: size of the file.
        provenance: its attributes.
        header: sizes and names of the data sets; None if the file breaks the format.
        measures: intensities; None if the file can't be read or holds no slices.
        problem: the reason why the file can't be read; empty if it can.
        sampling: which columns of its k-space were acquired; None if the file can't be read.
        mask_problem: why undersampled k-space can't be used with `mask=file`; empty if it can.
    """

    place: VolumePlace
    n_bytes: int
    provenance: Provenance = field(default_factory=Provenance)
    header: Volume | None = None
    measures: VolumeMeasures | None = None
    problem: str = ""
    sampling: StoredSampling | None = None
    mask_problem: str = ""

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the target, or of the k-space if there is no target."""
        return (self.header.target_shape or self.header.shape[2:]) if self.header else None

    @property
    def is_whole(self) -> bool:
        """Whether every slice was read."""
        return bool(
            self.header and self.measures and self.measures.n_slices == self.header.shape[0]
        )


def examine(place: VolumePlace, quick: bool = False) -> VolumeFacts:
    """Return the facts of a volume, read slice by slice; a broken file is a fact, not an error.

    Args:
        place: file, site, contrast and split.
        quick: whether to read three slices, at 1/4, 1/2 and 3/4 of the volume, instead of all.
    """
    try:
        n_bytes = place.path.stat().st_size
    except OSError as error:
        return VolumeFacts(place, 0, problem=f"can't be read ({error.strerror})")
    provenance, header, sampling, mask_problem = Provenance(), None, None, ""
    try:
        header = read_header(place.path, place.site)
        provenance, sampling = read_provenance(place.path), read_stored_sampling(header)
        if sampling.undersampling:
            mask_problem = _find_mask_problem(header)
        slices = [
            measure_slice(*pair)
            for pair in _read_slices(header, _choose_slices(header.shape[0], quick))
        ]
    except (DataLayoutError, RuntimeError, ValueError) as error:
        problem = str(error).removeprefix(f"{place.path}: ")
        return VolumeFacts(place, n_bytes, provenance, header, problem=problem)
    if not slices:
        return VolumeFacts(place, n_bytes, provenance, header, problem="holds no slices")
    measures = combine_measures(slices)
    return VolumeFacts(
        place, n_bytes, provenance, header, measures, sampling=sampling, mask_problem=mask_problem
    )


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


def _find_mask_problem(header: Volume) -> str:
    try:
        adopt_own_sampling(header)
    except DataLayoutError as error:
        return str(error).removeprefix(f"{header.path}: ")
    return ""


def _choose_slices(n_slices: int, quick: bool) -> Sequence[int]:
    if not quick:
        return range(n_slices)
    return sorted({int(height * n_slices) for height in _QUICK_HEIGHTS if n_slices})


def _read_slices(
    header: Volume, indices: Sequence[int]
) -> Iterator[tuple[NDArray[np.complex64], NDArray[np.float32] | None]]:
    """Yield k-space, (coils, rows, columns), and target, (height, width), also with NaN inside."""
    path, key = header.path, header.target_key
    # not `read_slice`: it opens the file for every slice, and refuses NaN
    with open_h5(path) as file:
        stored = get_dataset(file, path, "kspace")
        target = get_dataset(file, path, key) if key else None
        for index in indices:
            kspace = header.turn(np.asarray(stored[index], np.complex64))
            image = None if target is None else np.asarray(target[index], np.float32)
            yield kspace.reshape(header.shape[1:]), None if image is None else header.turn(image)


def _set_up_worker() -> None:
    """Use one thread per worker, and leave Ctrl-C to the parent process."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
