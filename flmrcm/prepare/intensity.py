"""What a volume's values must be before anything is made of them; raw values stay raw."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flmrcm.prepare.scan import Scan, UnusableVolume

_RINGING = 0.1
"""Negative values up to this share of the maximum come from interpolation; lower ones don't."""


def clean_values(scan: Scan) -> tuple[Scan, int]:
    """Gives the scan with negative magnitudes at 0, and how many there were.

    Raises:
        Skipped: NaN or infinity, one value throughout, or values too negative for a magnitude.
    """
    image = scan.image
    if not np.isfinite(image).all():
        raise UnusableVolume("holds NaN or infinity")
    first = image.flat[0]
    if (image == first).all():
        raise UnusableVolume(f"is constant: every voxel is {first:g}")
    if np.iscomplexobj(image):
        return scan, 0
    lowest, highest = float(image.min()), float(image.max())
    if lowest >= 0:
        return scan, 0
    if -lowest > _RINGING * highest:
        raise UnusableVolume(f"isn't a magnitude: its values run from {lowest:g} to {highest:g}")
    return scan.with_image(image.clip(min=0)), int((image < 0).sum())


def compute_statistics(target: NDArray[np.float32]) -> Mapping[str, float]:
    """Gives mean, standard deviation and 99th percentile of a target, in its raw units."""
    return {
        "mean": float(target.mean(dtype=np.float64)),
        "std": float(target.std(dtype=np.float64)),
        "p99": float(np.percentile(target, 99)),
    }
