"""Cartesian undersampling masks: which phase-encoding columns of a slice's k-space are measured.

A mask is a pure function of the number of columns and a seed. The exact-count kinds are ours; the
formulas of the published code are `RandomBernoulli` and `EquispacedOffset` (fastMRI, Zbontar et
al., arXiv 1811.08839), reproduced draw for draw.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import RandomState
from torch import Tensor

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.seeding import seed_for

CENTER_SHARE = 0.32
"""Share of the measured columns that lies in the centre when no fraction is given."""

Seed = int | Sequence[int]


@dataclass(frozen=True)
class Mask(ABC):
    """A family of masks; calling it draws one.

    Args:
        accelerations: the accelerations R ≥ 1; one is drawn per call, with its centre fraction.
        center_fractions: share of all columns that is always measured, in [0, 1/R], one per
            acceleration; None means 0.32/R each.
        seed: of validation and test masks; the run's own seed doesn't touch them.
        seeding: `address` draws a volume's mask from `(seed, site, volume)`; `file_name` from
            the file's name, as the published code does.

    Raises:
        ConfigErrors: lists of different length, R < 1, or a centre fraction above 1/R.
    """

    accelerations: Sequence[float] = (4,)
    center_fractions: Sequence[float] | None = None
    seed: int = 0
    seeding: str = "address"

    def __post_init__(self) -> None:
        problems = [*check_choice("mask.seeding", self.seeding, ("address", "file_name"))]
        problems += _find_problems(self.accelerations, self.center_fractions)
        if problems:
            raise ConfigErrors(problems)

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """The (acceleration, centre fraction) pairs one of which each call draws."""
        fractions = self.center_fractions or [CENTER_SHARE / r for r in self.accelerations]
        return list(zip(self.accelerations, fractions, strict=True))

    def get_fixed_seed(self, site: str, volume: str) -> Seed:
        """Gives the seed of a validation or test volume's mask; the same in every run."""
        if self.seeding == "file_name":
            return tuple(ord(letter) for letter in f"{volume}.h5")
        return seed_for("mask", self.seed, site, volume)

    def __call__(self, n_columns: int, seed: Seed) -> Tensor:
        """Draws a mask.

        Args:
            n_columns: of the k-space, N.
            seed: one draw per seed.

        Returns:
            bool, (n_columns,), True where measured. Where the centre alone already makes up N/R
            columns, it is the centre alone.

        Raises:
            DataLayoutError: N is smaller than the largest acceleration.
        """
        rng = RandomState(seed)
        acceleration, fraction = self.pairs[rng.randint(0, len(self.accelerations))]
        self.check(n_columns)
        n_center = round(n_columns * fraction)
        mask = np.zeros(n_columns, bool)
        if n_center * acceleration < n_columns:
            mask[self.draw_outer(n_columns, n_center, acceleration, rng)] = True
        mask[get_center_columns(n_columns, n_center)] = True
        return torch.from_numpy(mask)

    def check(self, n_columns: int) -> None:
        """Refuses k-space with fewer columns than an acceleration.

        Raises:
            DataLayoutError: N is smaller than the largest acceleration.
        """
        if n_columns < max(self.accelerations):
            raise DataLayoutError(
                f"mask.accelerations={max(self.accelerations):g} needs at least that many columns, "
                f"the k-space has {n_columns}; lower it for this site."
            )

    @abstractmethod
    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Gives the indices of the measured columns outside the centre; others do no harm."""


class Random(Mask):
    """Exactly `max(n_center, round(N/R))` columns: the centre, the rest without replacement."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Draws the missing columns from all outer ones alike."""
        free = _list_outer_columns(n_columns, n_center)
        return rng.choice(free, round(n_columns / acceleration) - n_center, replace=False)


class Equispaced(Mask):
    """Exactly `max(n_center, round(N/R))` columns: the centre, the rest evenly spaced."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Spreads the missing columns evenly over the outer ones, from a random offset."""
        free = _list_outer_columns(n_columns, n_center)
        count = round(n_columns / acceleration) - n_center
        spacing = len(free) / max(count, 1)
        places = rng.uniform(0, spacing) + spacing * np.arange(count)
        return free[np.minimum(places.astype(int), len(free) - 1)]


class RandomBernoulli(Mask):
    """The published random kind: each outer column on its own coin, so the count varies."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Keeps a column with probability (N/R − n_center)/(N − n_center)."""
        probability = (n_columns / acceleration - n_center) / (n_columns - n_center)
        return np.flatnonzero(rng.uniform(size=n_columns) < probability)


class EquispacedOffset(Mask):
    """The published equispaced kind: every `adjusted`-th column, the centre on top."""

    def draw_outer(
        self, n_columns: int, n_center: int, acceleration: float, rng: RandomState
    ) -> np.ndarray:
        """Steps by R·(n_center − N)/(n_center·R − N) from a random offset."""
        adjusted = acceleration * (n_center - n_columns) / (n_center * acceleration - n_columns)
        offset = rng.randint(0, round(adjusted))
        return np.around(np.arange(offset, n_columns - 1, adjusted)).astype(int)


def get_center_columns(n_columns: int, n_center: int) -> slice:
    """Gives the columns of the always measured centre, from (N − n_center + 1)//2 on."""
    start = (n_columns - n_center + 1) // 2
    return slice(start, start + n_center)


def _list_outer_columns(n_columns: int, n_center: int) -> np.ndarray:
    return np.delete(np.arange(n_columns), get_center_columns(n_columns, n_center))


def _find_problems(accelerations: Sequence[float], fractions: Sequence[float] | None) -> list[str]:
    if not accelerations:
        return ["mask.accelerations=[]: give at least one acceleration."]
    if fractions is not None and len(fractions) != len(accelerations):
        return [
            f"mask.center_fractions={list(fractions)}: give as many as mask.accelerations"
            f"={list(accelerations)}, they pair one to one; or null for 0.32/acceleration."
        ]
    problems = [
        f"mask.accelerations={r:g}: an acceleration is at least 1."
        for r in accelerations
        if not r >= 1
    ]
    return problems + [
        f"mask.center_fractions={fraction:g}: must lie in [0, {1 / r:g}] at acceleration {r:g}; "
        "a larger centre alone would exceed the columns allowed."
        for r, fraction in zip(accelerations, fractions or (), strict=False)
        if r >= 1 and not 0 <= fraction <= 1 / r
    ]
