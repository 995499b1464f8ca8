"""Variable-density Poisson disks: no two samples are near each other, ever less so further out.

A sample at normalised distance r from the centre keeps others away by 1 + slope·r samples (along
the shorter axis of the matrix by its share of that), as in sigpy and DIRECT. There Bridson's
algorithm (SIGGRAPH 2007) is repeated until the count is near enough; here darts are thrown at the
grid's samples in random order (Cook 1986) until none is free.

The distance is dithered by half a sample, or the density would fall in steps. Throwing takes some
0.06 s. So a mask is one of `N_PATTERNS` patterns that are kept; they have a few samples more than
needed, and a random choice of these is left out.
"""

from functools import lru_cache

import numpy as np
from numpy.random import RandomState

from flmrcm.errors import DataLayoutError
from flmrcm.mri.masks.plane import Grid, GridMask
from flmrcm.seeding import seed_for

N_PATTERNS = 32
_SURPLUS = 1.01  # a pattern whose count is within 1 % above the wanted one is good enough
_SURE = 0.95  # of a pattern's count, for the next one may have less
_FLATTEST = 1e-6
_DITHER = 0.5  # samples


class Poisson(GridMask):
    """Samples that keep a distance from each other, less near the centre."""

    def rank_samples(self, grid: Grid, rng: RandomState) -> np.ndarray:
        """Rank a pattern's samples at random, then all others."""
        pattern = _make_pattern(grid, rng.randint(N_PATTERNS))
        return rng.random_sample(grid.shape) + ~pattern

    def check_grid(self, grid: Grid, pair: tuple[float, float]) -> None:
        """Raise an error where the grid can't be filled; see `GridMask.check_grid`.

        Raises:
            DataLayoutError: also where even the densest pattern has too few samples.
        """
        super().check_grid(grid, pair)
        (acceleration, fraction), densest = pair, _throw_densest(grid)
        if grid.n_outer > densest:
            rows, columns = grid.shape
            least = rows * columns / (densest + grid.count - grid.n_outer)
            raise DataLayoutError(
                f"mask.accelerations={acceleration:g}: samples that keep a distance aren't that "
                f"dense; with mask.center_fractions={fraction:g} take at least {least + 0.05:.1f}, "
                "or mask=gaussian_2d."
            )


def measure_radii(grid: Grid, slope: float) -> np.ndarray:
    """Return how far each sample keeps others away, (rows, columns), along the longer axis."""
    y, x = (np.abs(np.arange(n) - n / 2) for n in grid.shape)
    return 1 + slope * np.hypot((y / y.max())[:, None], x / x.max())


@lru_cache(32 * N_PATTERNS)
def _make_pattern(grid: Grid, number: int) -> np.ndarray:
    """Return one of the patterns, bool, (rows, columns), with at least the samples needed."""
    rng = RandomState(seed_for("poisson", grid, number))
    slope = _find_slope(grid)
    pattern = _throw(grid, slope, rng)
    while pattern.sum() < grid.n_outer:
        slope = max(0.95 * slope, _FLATTEST)
        pattern = _throw(grid, slope, rng)
    pattern.flags.writeable = False
    return pattern


@lru_cache(64)
def _find_slope(grid: Grid) -> float:
    """Return the slope at which a pattern has the samples needed, or few more."""
    low, high = _FLATTEST, 1.0
    while high < max(grid.shape) and _count(grid, high) > grid.n_outer:
        low, high = high, 2 * high
    for _ in range(20):
        slope = (low + high) / 2
        count = _count(grid, slope)
        if grid.n_outer <= count <= _SURPLUS * grid.n_outer:
            return slope
        low, high = (slope, high) if count > grid.n_outer else (low, slope)
    return low


@lru_cache(64)
def _throw_densest(grid: Grid) -> int:
    """Return the samples that any pattern has that keeps the least distance."""
    return int(_SURE * _count(grid, _FLATTEST))


def _count(grid: Grid, slope: float) -> int:
    return int(_throw(grid, slope, RandomState(seed_for("poisson slope", grid))).sum())


def _throw(grid: Grid, slope: float, rng: RandomState) -> np.ndarray:
    """Return the samples outside the disk at which darts stick, bool, (rows, columns)."""
    (rows, columns), radii = grid.shape, measure_radii(grid, slope)
    radii = (radii + rng.uniform(-_DITHER, _DITHER, grid.shape)).clip(max=max(grid.shape))
    margin = int(radii.max()) + 1
    width = columns + 2 * margin
    distances, shifts = _list_shifts(grid, margin, width)
    reaches = np.searchsorted(distances, radii.ravel()).tolist()  # how many shifts are nearer
    taken = np.ones((rows + 2 * margin, width), bool)
    taken[margin:-margin, margin:-margin] = ~grid.find_outer()
    taken = taken.ravel()
    free = np.flatnonzero(grid.find_outer())
    rng.shuffle(free)
    stuck = np.zeros(rows * columns, bool)
    places = (free // columns + margin) * width + free % columns + margin
    for sample, place in zip(free.tolist(), places.tolist(), strict=True):
        if not taken[place]:
            stuck[sample] = True
            taken[place + shifts[: reaches[sample]]] = True
    return stuck.reshape(rows, columns)


def _list_shifts(grid: Grid, margin: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances of the neighbours of a sample, ascending, and their flat shifts."""
    y, x = np.mgrid[-margin : margin + 1, -margin : margin + 1].reshape(2, -1)
    longest = max(grid.shape)
    distances = np.hypot(y * longest / grid.shape[0], x * longest / grid.shape[1])
    order = np.argsort(distances, kind="stable")
    return distances[order], (y * width + x)[order]
