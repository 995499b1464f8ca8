"""Radial and spiral patterns on the Cartesian grid: CIRCUS (Liu & Saloner, QIMS 2014).

Nested squares stand for circles: with J samples along a side, one has K = 4(J − 1) on its
perimeter, numbered clockwise from the upper left corner. Spoke m meets each at the place that the
golden ratio φ gives. Published, the number of spokes is rounded and the acceleration approximate;
here whole spokes are added, each from the centre outwards, until the count is exact.
"""

from abc import abstractmethod
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import RandomState

from flmrcm.mri.masks.base import Shape
from flmrcm.mri.masks.plane import Grid, GridMask

_GOLDEN_RATIO = (1 + 5**0.5) / 2
_MOST_STARTS = 10_000  # as in DIRECT


class Squares(NamedTuple):
    """The nested squares of a grid, from the innermost outwards.

    Attributes:
        sides: J, (squares,).
        perimeters: K, (squares,).
        starts: where each begins in `samples`, (squares,).
        samples: flat indices on the grid of all squares' samples; the grid's size for those
            outside.
    """

    sides: np.ndarray
    perimeters: np.ndarray
    starts: np.ndarray
    samples: np.ndarray


class CircusMask(GridMask):
    """A mask of spokes."""

    def rank_samples(self, grid: Grid, rng: RandomState) -> np.ndarray:
        """Rank by the first spoke that meets a sample; what none meets comes last, at random."""
        squares = list_squares(grid.shape)
        bend = self.draw_bend(squares, rng)
        outer = grid.find_outer()
        n_spokes = 3 * grid.n_outer // (2 * len(squares.sides)) + 8
        while True:
            rank = _rank_by_spoke(squares, n_spokes, bend, outer.size).reshape(grid.shape)
            if np.count_nonzero(np.isfinite(rank) & outer) >= grid.n_outer:
                return rank
            if n_spokes > 4 * squares.perimeters[-1]:
                return np.minimum(rank, rank.size + rng.random_sample(grid.shape))
            n_spokes *= 2

    @abstractmethod
    def draw_bend(self, squares: Squares, rng: RandomState) -> tuple[int, np.ndarray]:
        """Return the number of the first spoke, and a shift along each square, (squares,)."""


class Radial(CircusMask):
    """Straight spokes from the centre, a golden angle apart."""

    def draw_bend(self, squares: Squares, rng: RandomState) -> tuple[int, np.ndarray]:
        """Begin with any spoke."""
        return rng.randint(_MOST_STARTS), np.zeros_like(squares.sides)


class Spiral(CircusMask):
    """Spokes that bend: shifted by ⌈J^c⌉ − 1 along each square, c between 1.1 and 1.3."""

    def draw_bend(self, squares: Squares, rng: RandomState) -> tuple[int, np.ndarray]:
        """Draw c."""
        bend = np.ceil(squares.sides ** rng.uniform(1.1, 1.3)).astype(int) - 1
        return 0, bend % squares.perimeters


def _rank_by_spoke(
    squares: Squares, n_spokes: int, bend: tuple[int, np.ndarray], size: int
) -> np.ndarray:
    """Return when each sample is first met, (size,), counted in samples; infinity for never."""
    first, shift = bend
    turn = np.mod((first + np.arange(n_spokes)) / _GOLDEN_RATIO, 1)
    places = (turn[:, None] * squares.perimeters).astype(int) + shift
    places -= squares.perimeters * (places >= squares.perimeters)
    met = squares.samples[places + squares.starts].ravel()
    rank = np.full(size + 1, np.inf)
    rank[met[::-1]] = np.arange(met.size - 1, -1, -1)  # of several, the first spoke is written last
    return rank[:size]


@lru_cache(32)
def list_squares(shape: Shape) -> Squares:
    """Return the nested squares of a grid; the largest has the longer side's even length."""
    side = max(shape) - max(shape) % 2
    sides = np.arange(2, side + 1, 2)
    corners = [_walk_square(int(j)) + (side - j) // 2 for j in sides]
    rows, columns = np.concatenate(corners, 1)
    # the innermost square holds (rows//2, columns//2), also where a side is odd
    rows, columns = (
        place + n % 2 - (side + n % 2 - n) // 2
        for place, n in zip((rows, columns), shape, strict=True)
    )
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    samples = np.where(inside, rows * shape[1] + columns, shape[0] * shape[1])
    perimeters = 4 * (sides - 1)
    return Squares(sides, perimeters, np.cumsum(perimeters) - perimeters, samples)


def _walk_square(side: int) -> np.ndarray:
    """Return rows and columns, (2, perimeter), clockwise from the upper left corner."""
    run, low, high = np.arange(side - 1), np.zeros(side - 1, int), np.full(side - 1, side - 1)
    rows = np.concatenate([low, run, high, high - run])
    columns = np.concatenate([run, high, high - run, low])
    return np.stack([rows, columns])
