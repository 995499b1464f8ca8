"""Which samples of stored k-space a scanner acquired: padding, and undersampling behind zeros.

Zeros that stand for nothing measured look like any other value to a network: a target made from
undersampled k-space is wrong, and padding counted as measured makes an acceleration too large.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from flmrcm.data.h5 import TARGET_KEYS, Volume
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.data.ismrmrd_header import find_encoded_lines
from flmrcm.errors import DataLayoutError


class StoredSampling(NamedTuple):
    """What a file says of the samples that were acquired.

    Attributes:
        acquired: (first, end) of the acquired columns; those around them are padding.
        n_columns: number of all columns.
        missing_columns: number of columns between acquired ones that hold only zeros.
        missing_rows: number of such rows.
        has_mask: whether the file holds a data set `mask`, as undersampled files do.
    """

    acquired: tuple[int, int]
    n_columns: int
    missing_columns: int = 0
    missing_rows: int = 0
    has_mask: bool = False

    @property
    def n_acquired(self) -> int:
        """Number of columns that were acquired; an acceleration counts these."""
        return self.acquired[1] - self.acquired[0] - self.missing_columns

    @property
    def has_gaps(self) -> bool:
        """Whether lines between acquired ones hold only zeros."""
        return self.missing_columns + self.missing_rows > 0

    @property
    def undersampling(self) -> str:
        """What tells that the k-space is undersampled; empty if it is fully sampled."""
        lines = {"columns": self.missing_columns, "rows": self.missing_rows}
        signs = ["a data set 'mask'"] * self.has_mask
        signs += [f"{n} {axis} of zeros between acquired ones" for axis, n in lines.items() if n]
        return " and ".join(signs)


def read_stored_sampling(volume: Volume) -> StoredSampling:
    """Return which columns were acquired; of the k-space one coil of one slice is read, mostly.

    Padding is known from the attributes `padding_left` and `padding_right` (first and end of the
    acquired columns, as fastMRI's loader names them) or from the ISMRMRD header, and from the
    zeros themselves: a column of zeros wasn't acquired, whatever else is said.

    Raises:
        DataLayoutError: the file can't be read.
    """
    with open_h5(volume.path) as file:
        kspace = get_dataset(file, volume.path, "kspace")
        told = read_told_columns(file, volume.shape[-1])
        columns, missing_columns, missing_rows = told, 0, 0
        image = _read_one_plane(kspace)
        if image is not None:
            nonzero = volume.turn(image) != 0
            columns, missing_columns = find_acquired(nonzero.any(0))
            _, missing_rows = find_acquired(nonzero.any(1))
        first, end = max(columns[0], told[0]), min(columns[1], told[1])
        return StoredSampling(
            (first, end) if first < end else columns,
            volume.shape[-1],
            missing_columns,
            missing_rows,
            has_mask="mask" in file,
        )


def mark_acquired_columns(volume: Volume) -> Volume:
    """Return the header with its acquired columns, where the k-space is fully sampled in between.

    Raises:
        DataLayoutError: it is undersampled, or can't be read.
    """
    sampling = read_stored_sampling(volume)
    if signs := sampling.undersampling:
        other = "" if sampling.has_gaps else ", remove 'mask' from it if that is wrong"
        raise DataLayoutError(
            f"{volume.path}: undersampled k-space ({signs}), but masks are drawn on fully sampled "
            f"k-space, and targets made from it: use the fully sampled file{other}, or take its "
            "own sampling with mask=file."
        )
    return replace(volume, acquired=sampling.acquired)


def find_acquired(nonzero: NDArray[np.bool_]) -> tuple[tuple[int, int], int]:
    """Return (first, end) of the lines that hold values, and how many between them hold none.

    Args:
        nonzero: (lines,), whether a line of k-space holds any value but zero; at least one does.
    """
    places = np.flatnonzero(nonzero)
    first, end = int(places[0]), int(places[-1]) + 1
    return (first, end), end - first - len(places)


def needs_reconstruction(path: Path) -> bool:
    """Return whether a file holds a mask and no target: an undersampled scan to be reconstructed.

    Nothing can be scored against such a file. A file that can't be read isn't one: what is wrong
    with it is told where its header is read.
    """
    try:
        with open_h5(path) as file:
            return "mask" in file and not any(key in file for key in TARGET_KEYS.values())
    except DataLayoutError:
        return False


def read_told_columns(file: h5py.File, n_columns: int) -> tuple[int, int]:
    """Return (first, end) of the acquired columns as attributes or header say; else all."""
    first, end = (file.attrs.get(f"padding_{side}") for side in ("left", "right"))
    if isinstance(first, np.integer) and isinstance(end, np.integer):
        return (int(first), int(end)) if 0 <= first < end <= n_columns else (0, n_columns)
    try:
        header = np.asarray(file["ismrmrd_header"]).item()
        return find_encoded_lines(header, n_columns) or (0, n_columns)
    except (KeyError, ValueError, TypeError):
        return 0, n_columns


def _read_one_plane(kspace: h5py.Dataset) -> NDArray[np.complexfloating] | None:
    """Return a coil of the slice nearest to the middle where it isn't black; None if all are.

    A coil that is switched off is black in every slice, and says nothing of what was acquired.
    """
    middle, n_coils = kspace.shape[0] // 2, 1 if kspace.ndim == 3 else kspace.shape[1]
    for index in sorted(range(kspace.shape[0]), key=lambda index: abs(index - middle)):
        for coil in range(n_coils):
            plane = kspace[index] if kspace.ndim == 3 else kspace[index, coil]
            if plane.any():
                return plane
    return None
