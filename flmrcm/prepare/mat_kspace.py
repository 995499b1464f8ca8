"""K-space in MATLAB files, as CMRxRecon stores it: version 7.3, which is HDF5, and version 5.

MATLAB calls the axes (kx, ky, coils, slices, frames) and leaves out the last ones where they are 1.
HDF5 turns them round, and complex numbers are pairs of `real` and `imag`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import io

from flmrcm.data.finite import is_finite
from flmrcm.data.hdf5 import open_h5
from flmrcm.errors import DataLayoutError

_KEYS = ("kspace", "kspace_full", "kspace_single_full")
"""Names of fully sampled k-space: in 2025, in 2023 and 2024, and in 2023 for a single coil."""

_VERSION_5 = b"MATLAB 5.0"


@dataclass(frozen=True)
class MatKspace:
    """The header of a file.

    Attributes:
        path: the file.
        key: name of the variable.
        stored_shape: shape of the variable, axes in the order of HDF5.
        is_v5: whether it is a file of version 5, which is read whole.
    """

    path: Path
    key: str
    stored_shape: tuple[int, ...]
    is_v5: bool

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Number of frames, slices, coils, columns (ky) and rows (kx)."""
        shape = list(self.stored_shape)
        if self.is_single:
            shape.insert(len(shape) - 2, 1)
        frames, slices, coils, columns, rows = [1] * (5 - len(shape)) + shape
        return frames, slices, coils, columns, rows

    @property
    def is_single(self) -> bool:
        """Whether the variable has no axis for coils."""
        return "single" in self.key

    @property
    def has_frames(self) -> bool:
        """Whether the variable has an axis for frames."""
        return len(self.stored_shape) == (4 if self.is_single else 5)


def read_mat_header(path: Path) -> MatKspace:
    """Return the header of a file; read no k-space.

    Raises:
        DataLayoutError: it can't be read, or holds no fully sampled k-space of this layout.
    """
    with path.open("rb") as file:
        is_v5 = file.read(len(_VERSION_5)) == _VERSION_5
    held = _list_v5(path) if is_v5 else _list_v73(path)
    key = next((key for key in _KEYS if key in held), None)
    if key is None:
        raise DataLayoutError(
            f"{path}: holds {', '.join(held) or 'nothing'}, but no fully sampled k-space "
            f"({', '.join(_KEYS)})."
        )
    shape = held[key]
    ranks = (2, 3, 4) if "single" in key else (3, 4, 5)
    if shape is None or len(shape) not in ranks or 0 in shape:
        raise DataLayoutError(
            f"{path}: '{key}' must be complex, (kx, ky, coils, slices, frames) in MATLAB's order; "
            f"it is {'no complex array' if shape is None else shape[::-1]}."
        )
    return MatKspace(path, key, shape, is_v5)


def read_frame(header: MatKspace, frame: int) -> NDArray[np.complex64]:
    """Return one frame, complex64, (slices, coils, rows, columns); columns are the phase encoding.

    Args:
        header: of the file.
        frame: number of the frame, from 0.

    Raises:
        DataLayoutError: it can't be read, or holds NaN or infinity.
    """
    stored = _read_v5(header, frame) if header.is_v5 else _read_v73(header, frame)
    if not is_finite(stored):
        raise DataLayoutError(f"{header.path}: '{header.key}' holds NaN or infinity.")
    _, slices, coils, columns, rows = header.shape
    return stored.reshape(slices, coils, columns, rows).swapaxes(-2, -1)


def _list_v73(path: Path) -> dict[str, tuple[int, ...] | None]:
    """Return variable → its shape; None if it isn't complex."""
    with open_h5(path) as file:
        sets = {key: item for key, item in file.items() if isinstance(item, h5py.Dataset)}
        return {
            key: item.shape if item.dtype.names == ("real", "imag") else None
            for key, item in sets.items()
        }


def _list_v5(path: Path) -> dict[str, tuple[int, ...] | None]:
    try:
        # its headers don't say which variables are complex; reading will
        return {name: shape[::-1] for name, shape, _ in io.whosmat(path)}
    except Exception as error:  # on damaged files, scipy raises errors of any kind
        raise DataLayoutError(f"{path}: not a readable MATLAB file ({error}).") from None


def _read_v73(header: MatKspace, frame: int) -> NDArray[np.complex64]:
    with open_h5(header.path) as file:
        dataset: Any = file[header.key]
        # one selection: chunks are compressed and go through all slices and frames
        pairs = dataset[frame] if header.has_frames else dataset[()]
    stored = np.empty(pairs.shape, np.complex64)
    stored.real, stored.imag = pairs["real"], pairs["imag"]
    return stored


def _read_v5(header: MatKspace, frame: int) -> NDArray[np.complex64]:
    try:
        held = io.loadmat(header.path, variable_names=[header.key])[header.key].T
    except Exception as error:  # on damaged files, scipy raises errors of any kind
        raise DataLayoutError(f"{header.path}: damaged inside ({error}).") from None
    return np.ascontiguousarray(held[frame] if header.has_frames else held, np.complex64)
