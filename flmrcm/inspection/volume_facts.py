"""All that's known of one volume: its place, header, attributes and what its slices measure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import h5py
import numpy as np
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.provenance import Provenance, read_provenance
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.measures import VolumeMeasures, combine_measures, measure_slice
from flmrcm.inspection.volume_places import VolumePlace

_QUICK_HEIGHTS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class VolumeFacts:
    """One volume.

    Attributes:
        place: where it lies.
        n_bytes: of the file.
        said: its attributes.
        header: None where the file breaks the contract.
        measures: None where it can't be read, or holds no slice.
        problem: why it can't be read; empty where it can.
    """

    place: VolumePlace
    n_bytes: int
    provenance: Provenance = field(default_factory=Provenance)
    header: Volume | None = None
    measures: VolumeMeasures | None = None
    problem: str = ""

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the target, of the k-space where there's none."""
        return (self.header.target_shape or self.header.shape[2:]) if self.header else None

    @property
    def is_whole(self) -> bool:
        """Whether every slice was read."""
        return bool(
            self.header and self.measures and self.measures.n_slices == self.header.shape[0]
        )


def examine(place: VolumePlace, quick: bool = False) -> VolumeFacts:
    """Reads a volume slice by slice; a broken file is a fact, not an error.

    Args:
        place: of the file.
        quick: read three slices, at a quarter, half and three quarters, instead of all.
    """
    try:
        n_bytes = place.path.stat().st_size
    except OSError as error:
        return VolumeFacts(place, 0, problem=f"can't be read ({error.strerror})")
    said, header = Provenance(), None
    try:
        header = read_header(place.path, place.site)
        said = read_provenance(place.path)
        tallies = [
            measure_slice(*pair)
            for pair in _read_slices(header, _choose_slices(header.shape[0], quick))
        ]
    except (DataLayoutError, OSError, RuntimeError, ValueError) as error:
        problem = str(error).removeprefix(f"{place.path}: ")
        return VolumeFacts(place, n_bytes, said, header, problem=problem)
    if not tallies:
        return VolumeFacts(place, n_bytes, said, header, problem="holds no slices")
    return VolumeFacts(place, n_bytes, said, header, combine_measures(tallies))


def _choose_slices(n_slices: int, quick: bool) -> Sequence[int]:
    if not quick:
        return range(n_slices)
    return sorted({int(height * n_slices) for height in _QUICK_HEIGHTS if n_slices})


def _read_slices(
    header: Volume, indices: Sequence[int]
) -> Iterator[tuple[NDArray[np.complex64], NDArray[np.float32] | None]]:
    with h5py.File(header.path, "r") as file:
        stored = cast(h5py.Dataset, file["kspace"])
        target = cast(h5py.Dataset, file[header.target_key]) if header.target_key else None
        for index in indices:
            kspace = np.asarray(stored[index], np.complex64).reshape(header.shape[1:])
            yield kspace, None if target is None else np.asarray(target[index], np.float32)
