"""Targets: checks before scores are computed against them, and their foreground."""

from collections.abc import Iterable
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume, get_dataset, open_h5
from flmrcm.errors import DataLayoutError

_FOREGROUND_LEVEL = 0.1


def find_foreground(magnitude: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which pixels are above a tenth of the volume's maximum, in the volume's shape.

    Args:
        magnitude: all slices of a volume, (slices, height, width).
    """
    return magnitude > _FOREGROUND_LEVEL * magnitude.max()


def compute_foreground_shares(magnitude: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the fraction of foreground pixels in each slice, (slices,), in [0, 1].

    Args:
        magnitude: all slices of a volume, (slices, height, width).
    """
    return find_foreground(magnitude).mean((1, 2))


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
