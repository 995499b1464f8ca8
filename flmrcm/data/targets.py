"""Targets: checks before scores are computed against them, and their foreground."""

from collections.abc import Iterable
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume, read_targets
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.errors import DataLayoutError

_FOREGROUND_LEVEL = 0.1
_BRIGHT_PERCENTILE = 99.9

MOST_INSIDE_CUT = 1 / 3
"""Largest share of the slices inside a patient that a preparation may leave out unnoticed."""


def find_foreground(magnitude: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which pixels are above a tenth of the volume's brightness, in the volume's shape.

    Args:
        magnitude: all slices of a volume, (slices, height, width).
    """
    return magnitude > _FOREGROUND_LEVEL * compute_brightness(magnitude)


def compute_brightness(magnitude: NDArray[np.floating]) -> float:
    """Return the 99.9th percentile of a volume, a maximum that a few hot pixels can't raise.

    One pixel at five times the maximum would make a head of 128 slices an empty one. Spikes and
    inflowing vessels are less than a thousandth of a volume; bright tissue, such as fat or fluid,
    is more, so of a clean volume the percentile is close to the maximum.

    Args:
        magnitude: all slices of a volume, (slices, height, width).
    """
    # "lower": of small volumes, too, the brightest pixel doesn't count
    return float(np.percentile(magnitude, _BRIGHT_PERCENTILE, method="lower"))


def compute_foreground_shares(magnitude: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the fraction of foreground pixels in each slice, (slices,), in [0, 1].

    Args:
        magnitude: all slices of a volume, (slices, height, width).
    """
    return find_foreground(magnitude).mean((1, 2))


def measure_foreground(volume: Volume) -> list[float]:
    """Return the fraction of foreground pixels in each slice of a file's target, in [0, 1].

    Raises:
        DataLayoutError: the file can't be read or holds no target.
    """
    return compute_foreground_shares(read_targets(volume)).tolist()


def check_targets(examples: Iterable[tuple[Volume, int]]) -> None:
    """Raise an error if scores can't be computed against the targets of these slices.

    Call it before a training: a network is scored only after it. Of the files only targets are
    read, slice by slice.

    Args:
        examples: (volume, slice index) of every slice that will be scored, volume by volume, as
            `Site.slices(split).examples` lists them.

    Raises:
        DataLayoutError: one line for each unusable volume: its target is missing, can't be read,
            is black in all of these slices, is negative somewhere, or holds NaN or infinity.
    """
    problems: list[str] = []
    for volume, pairs in groupby(examples, key=lambda example: example[0]):
        try:
            _check_target(volume, [index for _, index in pairs])
        except DataLayoutError as error:
            problems.append(str(error))
    if problems:
        raise DataLayoutError("\n".join(problems))


def _check_target(volume: Volume, indices: list[int]) -> None:
    key, largest = volume.target_key or "target", 0.0
    with open_h5(volume.path) as file:
        target = get_dataset(file, volume.path, key)
        for index in indices:
            image = np.asarray(target[index])
            place = f"{volume.path}: slice {index} of '{key}'"
            if not np.isfinite(image).all():
                raise DataLayoutError(f"{place} holds NaN or infinity; repair or remove the file.")
            if image.min() < 0:
                raise DataLayoutError(
                    f"{place} holds negative values, down to {image.min():.3g}, but a target is a "
                    "magnitude: write magnitudes into the file, or remove it."
                )
            largest = max(largest, float(image.max()))
    if largest == 0:
        raise DataLayoutError(
            f"{volume.path}: '{key}' is black in all {len(indices)} slices that are used, so no "
            f"score can be computed: remove the file, or set sites.{volume.site}.slices to slices "
            "that show something."
        )
