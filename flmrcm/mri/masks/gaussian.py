"""Masks whose density falls off as a normal distribution, as in DIRECT (Yiasemis et al. 2022).

There a sample is drawn from N(n//2, (6 √(n//2))²) along each axis until it's a new one. That is a
draw without replacement, so the smallest of exponential draws, each over its weight, are the same
in distribution (Efraimidis & Spirakis 2006).
"""

from functools import cache

import numpy as np
from numpy.random import RandomState

from flmrcm.mri.masks.columns import ColumnMask
from flmrcm.mri.masks.plane import Grid, GridMask


class Gaussian1D(ColumnMask):
    """Exactly `max(n_center, round(N/R))` columns: the centre, the rest denser near it."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Draw the missing columns from the outer ones, weighted by a normal distribution."""
        free = self.list_outer_columns(n_columns, n_center)
        waits = rng.standard_exponential(len(free)) / compute_weights(n_columns)[free]
        return free[np.argsort(waits)[: round(n_columns / acceleration) - n_center]]


class Gaussian2D(GridMask):
    """Samples of rows and columns, denser near the centre."""

    def rank_samples(self, grid: Grid, rng: RandomState) -> np.ndarray:
        """Rank by a draw without replacement, weighted by a normal distribution along each axis."""
        rows, columns = map(compute_weights, grid.shape)
        # quicker than numpy's exponential draws; 1 − u is never 0
        waits = -np.log(1 - rng.random_sample(grid.shape))
        return waits / (rows[:, None] * columns)


@cache
def compute_weights(n: int) -> np.ndarray:
    """Return the density at each of n places of an axis, 1 at n//2."""
    offset, variance = np.arange(n) - n // 2, 36 * max(n // 2, 1)
    return np.exp(-(offset**2) / (2 * variance))
