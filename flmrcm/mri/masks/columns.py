"""Cartesian masks of whole columns, the phase-encoding lines of a slice's k-space.

`Random` and `Equispaced` are ours and count exactly. `RandomBernoulli`, `EquispacedOffset` and
`Magic` are fastMRI's formulas (Zbontar et al., arXiv 1811.08839), reproduced draw for draw.
"""

from abc import abstractmethod

import numpy as np
import torch
from numpy.random import RandomState

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.mri.masks.base import Mask, Sampling, Shape


class ColumnMask(Mask):
    """A mask whose rows are all alike.

    Where the centre alone already makes up N/R columns, it is the centre alone.
    """

    def draw(
        self, shape: Shape, acceleration: float, fraction: float, rng: RandomState
    ) -> Sampling:
        """Return a mask, (1, columns), and the size of its centre."""
        n_columns = shape[1]
        n_center = round(n_columns * fraction)
        mask = np.zeros(n_columns, bool)
        if n_center * acceleration < n_columns:
            mask[self.draw_outer(n_columns, n_center, acceleration, rng)] = True
        mask[get_center_columns(n_columns, n_center)] = True
        return Sampling(torch.from_numpy(mask)[None], (shape[0] if n_center else 0, n_center))

    def check(self, shape: Shape) -> None:
        """Raise an error for too few columns; see `Mask.check`.

        Raises:
            DataLayoutError: also where a centre fraction leaves no column.
        """
        super().check(shape)
        for _, fraction in self.pairs:
            if fraction > 0 and round(shape[1] * fraction) == 0:
                raise DataLayoutError(
                    f"mask.center_fractions={fraction:g} leaves no centre in {shape[1]} columns; "
                    f"give at least {1 / shape[1]:.3g}, or 0 for a mask without one."
                )

    def list_outer_columns(self, n_columns: int, n_center: int) -> np.ndarray:
        """Return the indices of the columns outside the centre that may be measured."""
        columns = np.delete(np.arange(n_columns), get_center_columns(n_columns, n_center))
        return columns[columns >= self.get_first_column(n_columns)]

    @abstractmethod
    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Return the indices of the measured columns outside the centre; others do no harm."""


class Random(ColumnMask):
    """Exactly `max(n_center, round(N/R))` columns: the centre, the rest without replacement."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Draw the missing columns from all outer ones alike."""
        free = self.list_outer_columns(n_columns, n_center)
        return rng.choice(free, round(n_columns / acceleration) - n_center, replace=False)


class Equispaced(ColumnMask):
    """Exactly `max(n_center, round(N/R))` columns: the centre, the rest evenly spaced."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Spread the missing columns evenly over the outer ones, from a random offset."""
        free = self.list_outer_columns(n_columns, n_center)
        count = round(n_columns / acceleration) - n_center
        spacing = len(free) / max(count, 1)
        places = rng.uniform(0, spacing) + spacing * np.arange(count)
        return free[np.minimum(places.astype(int), len(free) - 1)]


class RandomBernoulli(ColumnMask):
    """The published random kind: each outer column on its own coin, so the count varies."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Keep a column with probability (N/R − n_center)/(N − n_center)."""
        probability = (n_columns / acceleration - n_center) / (n_columns - n_center)
        return np.flatnonzero(rng.uniform(size=n_columns) < probability)


class EquispacedOffset(ColumnMask):
    """The published equispaced kind: every `adjusted`-th column, the centre on top."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Step by R·(n_center − N)/(n_center·R − N) from a random offset."""
        adjusted = acceleration * (n_center - n_columns) / (n_center * acceleration - n_columns)
        offset = rng.randint(0, round(adjusted))
        return np.around(np.arange(offset, n_columns - 1, adjusted)).astype(int)


class Magic(ColumnMask):
    """Equispaced so that no outer column is the conjugate of another (Defazio, arXiv 1912.01101).

    As published, the acceleration isn't corrected for the centre: at 4x and a centre of 8 % it is
    3.2. Accelerations are whole numbers.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if broken := [r for r in self.accelerations if r != int(r)]:
            raise ConfigErrors(
                [f"mask.accelerations={broken[0]:g}: a magic mask needs whole numbers, as 4."]
            )

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Take every R-th column of both halves of k-space, from offsets of their own."""
        step = int(acceleration)
        offset = rng.randint(0, step)
        right, left = (offset + 1, offset + 2) if offset % 2 == 0 else (offset + 2, offset - 1)
        zero, half = n_columns // 2, (n_columns + 1) // 2
        return np.r_[zero + np.arange(right, half, step), zero - 1 - np.arange(left, zero, step)]


def get_center_columns(n_columns: int, n_center: int) -> slice:
    """Return the columns of the always measured centre, from (N − n_center + 1)//2 on."""
    start = (n_columns - n_center + 1) // 2
    return slice(start, start + n_center)
