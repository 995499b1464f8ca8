"""Cartesian masks of whole columns, the phase-encoding lines of a slice's k-space.

The exact-count kinds are ours; the formulas of the published code are `RandomBernoulli` and
`EquispacedOffset` (fastMRI, Zbontar et al., arXiv 1811.08839), reproduced draw for draw.
"""

from abc import abstractmethod

import numpy as np
import torch
from numpy.random import RandomState

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
        free = _list_outer_columns(n_columns, n_center)
        return rng.choice(free, round(n_columns / acceleration) - n_center, replace=False)


class Equispaced(ColumnMask):
    """Exactly `max(n_center, round(N/R))` columns: the centre, the rest evenly spaced."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Spread the missing columns evenly over the outer ones, from a random offset."""
        free = _list_outer_columns(n_columns, n_center)
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


def get_center_columns(n_columns: int, n_center: int) -> slice:
    """Return the columns of the always measured centre, from (N − n_center + 1)//2 on."""
    start = (n_columns - n_center + 1) // 2
    return slice(start, start + n_center)


def _list_outer_columns(n_columns: int, n_center: int) -> np.ndarray:
    return np.delete(np.arange(n_columns), get_center_columns(n_columns, n_center))
