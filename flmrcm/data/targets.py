"""The targets that scores are computed against: found unusable before a training, not after it."""

from collections.abc import Iterable
from itertools import groupby

import numpy as np

from flmrcm.data.h5 import Volume, get_dataset, open_h5
from flmrcm.errors import DataLayoutError


def check_targets(examples: Iterable[tuple[Volume, int]]) -> None:
    """Raise an error if scores can't be computed against the targets of these slices.

    Read the targets alone, slice by slice: a small part of what the k-space would take.

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
