"""What becomes of coil images: one complex image, a magnitude, or what they are."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.mri.coil_combination import combine_adaptively
from flmrcm.mri.coils import rss


def keep_coils(images: Tensor) -> Tensor:
    """Return the coil images as they are, (slices, coils, rows, columns)."""
    return images


COIL_MODES: Mapping[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "combine": (combine_adaptively, "measured"),
    "rss": (rss, "magnitude"),
    "keep": (keep_coils, "measured"),
}
"""Name → what is done with coil images, (slices, coils, rows, columns), and the `kspace_origin` of
the result."""


def combine_slices(slices: Iterator[Tensor], count: int, mode: str) -> NDArray[Any]:
    """Return the slices as one array, (slices, …), without holding them in memory twice.

    Args:
        slices: coil images of each slice, complex64, (coils, rows, columns).
        count: number of slices.
        mode: one of `COIL_MODES`.
    """
    combine, _ = COIL_MODES[mode]
    combined = (combine(images[None])[0] for images in slices)
    first = next(combined)
    volume = torch.empty((count, *first.shape), dtype=first.dtype)
    for place, image in zip(volume, chain([first], combined), strict=True):
        place.copy_(image)
    return volume.numpy()
