"""The part of a k-space that was acquired, in a unit that cropping and resampling leave alone.

Zero-filling, partial Fourier, a larger matrix or finer pixels add columns that nobody measured.
They are written as zeros, so that masks don't take them for measured ones: an acceleration counts
acquired columns.
"""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from flmrcm.data.stored_sampling import find_acquired
from flmrcm.prepare.scan import PhaseBand, Scan, UnusableVolume

_ROUNDING = 1e-6
"""Columns by which a frequency may miss its column: far above rounding errors, far below half."""

_LEAST_SAMPLED = 0.5
"""Scanners leave out the corners of k-space, 21 % of it; accelerated ones hold less than half."""


def find_acquired_columns(kspace: NDArray[np.complex64]) -> slice:
    """Return the columns from the first to the last that holds a value; all where none does.

    Args:
        kspace: complex, (coils, rows, columns).

    Raises:
        UnusableVolume: it is undersampled.
    """
    sampled: NDArray[np.bool_] = np.abs(kspace).max(0) > 0
    if not sampled.any():
        return slice(0, kspace.shape[-1])
    (first, end), missing = find_acquired(np.asarray(sampled.any(0)))
    share = float(sampled[np.asarray(sampled.any(1)), first:end].mean())
    if missing or share < _LEAST_SAMPLED:
        raise UnusableVolume(
            f"undersampled ({1 - share:.0%} of its samples are zero), but only fully sampled "
            "k-space can be used"
        )
    return slice(first, end)


def compute_band(columns: slice, width: int, pixel_mm: float) -> PhaseBand:
    """Return the spatial frequencies of the first and the last acquired column, cycles per mm.

    Args:
        columns: the acquired columns.
        width: number of all columns; zero frequency is column `width // 2`.
        pixel_mm: spacing of the image's columns, mm.
    """
    extent = width * pixel_mm
    return (columns.start - width // 2) / extent, (columns.stop - 1 - width // 2) / extent


def choose_columns(scan: Scan) -> slice | None:
    """Return the columns of a scan's k-space that are written; None if all are.

    A magnitude has frequencies that the complex image it's made of doesn't have: all are written.
    """
    if scan.phase_band is None or scan.kspace_origin != "measured":
        return None
    return compute_columns(scan.phase_band, scan.image.shape[-1], scan.voxel_mm[2])


def compute_columns(band: PhaseBand, width: int, pixel_mm: float) -> slice:
    """Return the columns of another matrix whose frequencies lie within the band.

    Args:
        band: lowest and highest acquired frequency, cycles per mm.
        width: number of columns of the matrix.
        pixel_mm: spacing of its image's columns, mm.
    """
    extent, center = width * pixel_mm, width // 2
    first = ceil(band[0] * extent - _ROUNDING) + center
    last = floor(band[1] * extent + _ROUNDING) + center
    return slice(max(0, first), min(width, last + 1))
