"""Checks of the values of a volume; their scale never changes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flmrcm.prepare.scan import Scan, UnusableVolume

_MAX_NEGATIVE = 0.1
"""Interpolation causes negative values down to this fraction of the maximum, but no lower ones."""


def clean_values(scan: Scan) -> tuple[Scan, int]:
    """Return the scan with negative magnitudes set to 0, and their number.

    Raises:
        UnusableVolume: NaN or infinity, the same value everywhere, or values too far below 0 for a
            magnitude.
    """
    image = scan.image
    if not np.isfinite(image).all():
        raise UnusableVolume("holds NaN or infinity")
    first = image.flat[0]
    if (image == first).all():
        raise UnusableVolume(f"is constant: every voxel is {first:g}")
    # only a magnitude has a smallest possible value
    if np.iscomplexobj(image):
        return scan, 0
    lowest, highest = float(image.min()), float(image.max())
    if lowest >= 0:
        return scan, 0
    if -lowest > _MAX_NEGATIVE * highest:
        raise UnusableVolume(f"isn't a magnitude: its values are {lowest:g} to {highest:g}")
    return scan.with_image(image.clip(min=0)), int((image < 0).sum())


def compute_statistics(target: NDArray[np.float32]) -> Mapping[str, float]:
    """Return mean, standard deviation and 99th percentile of a target, in its own units."""
    return {
        "mean": float(target.mean(dtype=np.float64)),
        "std": float(target.std(dtype=np.float64)),
        "p99": float(np.percentile(target, 99)),
    }
