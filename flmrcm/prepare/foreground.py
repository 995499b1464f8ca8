"""The choice of slices that show enough of the patient."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flmrcm.data.targets import compute_foreground_shares
from flmrcm.prepare.scan import Scan, UnusableVolume

_INSIDE_LEVEL = 0.25


def trim_empty_ends(scan: Scan, least: float) -> tuple[Scan, range, float]:
    """Return the scan without the empty slices at its ends, their range, and what else was lost.

    An empty slice between others stays, because `voxel_mm` is the distance between neighbours.

    Args:
        scan: image (slices, …, rows, columns).
        least: fraction of foreground pixels that the first and the last slice must have, in [0, 1].

    Returns:
        The scan, the range of the slices that stay, and `compute_inside_cut`.

    Raises:
        UnusableVolume: no slice has so much foreground.
    """
    magnitude = scan.magnitude
    shares = compute_foreground_shares(magnitude)
    slices = find_kept_range(shares.tolist(), least)
    if not slices:
        raise UnusableVolume(
            f"no slice has a foreground of {least:g} or more, the largest is {shares.max():.3g}; "
            "lower foreground"
        )
    kept = scan.on_grid(scan.image[slices.start : slices.stop], (slices.start, 0, 0))
    return kept, slices, compute_inside_cut(magnitude, slices)


def compute_inside_cut(magnitude: NDArray[np.floating], kept: range) -> float:
    """Return the share of the slices inside the patient that aren't kept, in [0, 1].

    A slice is inside if its mean is above a quarter of the median slice's: a measure of its own,
    which hot pixels hardly change, so that it tells when the foreground's fails.

    Args:
        magnitude: all slices of a volume, (slices, rows, columns).
        kept: the slices that are kept.
    """
    means = magnitude.mean((1, 2), dtype=np.float64)
    inside = np.flatnonzero(means > _INSIDE_LEVEL * np.median(means[means > 0]))
    return float(np.mean([index not in kept for index in inside])) if len(inside) else 0.0


def find_kept_range(shares: Sequence[float], least: float) -> range:
    """Return the range from the first to the last slice whose share is at least `least`."""
    enough = [index for index, share in enumerate(shares) if share >= least]
    return range(enough[0], enough[-1] + 1) if enough else range(0)
