"""Masks of single samples all over the plane: two phase-encoding directions, as in 3-D."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt, pi

import numpy as np
import torch
from numpy.random import RandomState

from flmrcm.errors import DataLayoutError
from flmrcm.mri.masks.base import Mask, Sampling, Shape

_LEAST_SIDE = 8


@dataclass(frozen=True)
class Grid:
    """What a mask of the plane has to fill.

    Attributes:
        shape: rows and columns.
        count: samples to measure, those of the disk included.
        radius: of the fully sampled disk around (rows//2, columns//2), samples; it holds what is
            nearer than that.
        first_column: the first that may be measured.
    """

    shape: Shape
    count: int
    radius: int
    first_column: int

    @property
    def disk(self) -> np.ndarray:
        """The fully sampled disk, bool, (rows, columns); read-only."""
        return _build_disk(self.shape, self.radius)

    @property
    def n_outer(self) -> int:
        """Samples to measure outside the disk."""
        return self.count - int(self.disk.sum())

    @property
    def center(self) -> Shape:
        """Rows and columns of the largest square in the disk, symmetric about k = 0."""
        side = 2 * isqrt(self.radius**2 // 2) + 1 if self.radius else 0
        return side, side

    def find_outer(self) -> np.ndarray:
        """Return the samples outside the disk that may be measured, bool, (rows, columns)."""
        outer = ~self.disk
        outer[:, : self.first_column] = False
        return outer


class GridMask(Mask):
    """A mask of single samples: a full disk in the centre, the rest outside by rank.

    It measures exactly `max(disk, round(rows·columns/R))` samples. The centre fraction is a share
    of all samples; the disk's radius is int(√(rows·columns·fraction/π)), as in DIRECT.
    """

    def draw(
        self, shape: Shape, acceleration: float, fraction: float, rng: RandomState
    ) -> Sampling:
        """Return a mask, (rows, columns), and the largest full square in its disk."""
        grid = self.plan(shape, acceleration, fraction)
        mask = np.array(grid.disk)
        if grid.n_outer:
            rank = self.rank_samples(grid, rng)
            rank[~grid.find_outer()] = np.inf
            mask.ravel()[np.argpartition(rank.ravel(), grid.n_outer - 1)[: grid.n_outer]] = True
        return Sampling(torch.from_numpy(mask), grid.center)

    @abstractmethod
    def rank_samples(self, grid: Grid, rng: RandomState) -> np.ndarray:
        """Return a number per sample, (rows, columns); the smallest outside the disk are taken."""

    def plan(self, shape: Shape, acceleration: float, fraction: float) -> Grid:
        """Return what there is to fill at one acceleration and centre fraction."""
        size, radius = shape[0] * shape[1], int((shape[0] * shape[1] * fraction / pi) ** 0.5)
        count = max(round(size / acceleration), int(_build_disk(shape, radius).sum()))
        return Grid(shape, count, radius, self.get_first_column(shape[1]))

    def check(self, shape: Shape) -> None:
        """Raise an error for k-space that the mask doesn't fit.

        Raises:
            DataLayoutError: k-space is too small for a pattern, or the disk doesn't lie in it.
        """
        if min(shape) < _LEAST_SIDE:
            raise DataLayoutError(
                f"this mask fills the plane and needs at least {_LEAST_SIDE} rows and columns, the "
                f"k-space is {shape[0]}×{shape[1]}; use a mask of columns, as mask=random."
            )
        for pair in self.pairs:
            self.check_grid(self.plan(shape, *pair), pair)

    def check_grid(self, grid: Grid, pair: tuple[float, float]) -> None:
        """Raise an error where the grid can't be filled.

        Args:
            grid: what there is to fill.
            pair: the acceleration and centre fraction it was planned for.

        Raises:
            DataLayoutError: says which key to change.
        """
        (rows, columns), reach, fraction = grid.shape, grid.radius - 1, pair[1]
        key = f"mask.center_fractions={fraction:g}"
        if fraction > 0 and reach < 0:
            raise DataLayoutError(
                f"{key} leaves no centre in {rows}×{columns} samples; give at least "
                f"{pi / rows / columns:.2g}, or 0 for a mask without one."
            )
        if reach > min((min(grid.shape) - 1) // 2, columns // 2 - grid.first_column):
            raise DataLayoutError(
                f"{key} is a disk of radius {grid.radius}, which doesn't fit into {rows}×{columns} "
                f"samples from column {grid.first_column} on; lower it."
            )


@lru_cache(64)
def _build_disk(shape: Shape, radius: int) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    disk = (rows - shape[0] // 2) ** 2 + (columns - shape[1] // 2) ** 2 < radius**2
    disk.flags.writeable = False
    return disk
