"""The sampling that a file brings along: nothing is drawn, and its centre is found in it."""

from itertools import takewhile
from typing import ClassVar, Never

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from flmrcm.mri.masks.base import Mask, Shape
from flmrcm.mri.masks.columns import get_center_columns


class FileMask(Mask):
    """Every file's own sampling, in the place of drawn ones; `data.own_sampling` reads it."""

    from_file: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()

    def __repr__(self) -> str:
        return "FileMask()"

    def check(self, shape: Shape) -> None:
        """Do nothing: the mask was compared with its k-space when the file's header was read."""

    def draw(self, shape: Shape, acceleration: float, fraction: float, rng: RandomState) -> Never:
        """Refuse: whoever has the file reads its sampling.

        Raises:
            TypeError: always.
        """
        raise TypeError("a file's own mask is read with its k-space, never drawn")


def find_center(mask: NDArray[np.bool_], n_rows: int, told: int = 0) -> Shape:
    """Return rows and columns of a mask's fully sampled centre; (0, 0) where there is none.

    Of columns it's an even number on either side of N//2, as fastMRI's VarNet finds it, but never
    a column that isn't measured, and all of them where all are; of the plane the largest square.

    Args:
        mask: bool, (rows, columns) or (1, columns) where all rows are alike.
        n_rows: rows of the k-space.
        told: what the file says of its size; 0 where it doesn't. It isn't believed where the
            mask doesn't measure all of it.
    """
    plane = len(mask) > 1
    found = range(1, min(mask.shape) + 1) if plane else (1, *range(2, mask.size, 2), mask.size)
    sizes = [told] if _measures(mask, told, plane) else found
    # each window holds the one before it, so the first that isn't all measured ends the search
    n = max(takewhile(lambda n: _measures(mask, n, plane), sizes), default=0)
    return (n if plane else n_rows * (n > 0)), n


def _measures(mask: NDArray[np.bool_], n: int, plane: bool) -> bool:
    """Return whether the n central columns, of a plane also rows, exist and are all measured."""
    sizes = (n if plane else 1, n)
    fits = all(0 < size <= length for size, length in zip(sizes, mask.shape, strict=True))
    return fits and bool(mask[tuple(map(get_center_columns, mask.shape, sizes))].all())
