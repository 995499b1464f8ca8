"""What a sampling mask is: which samples of a slice's k-space are measured.

A mask is a pure function of the k-space's shape and a seed. What it measures is drawn per slice in
training and per volume in validation and test.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from numpy.random import RandomState
from torch import Tensor

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.seeding import seed_for

CENTER_SHARE = 0.32
"""Share of the measured columns that lies in the centre when no fraction is given."""

Seed = int | Sequence[int]

Shape = tuple[int, int]
"""Rows and columns of k-space."""


class Sampling(NamedTuple):
    """What is measured of one slice.

    Attributes:
        mask: bool, (rows, columns), or (1, columns) where all rows are alike; True where measured.
        center: rows and columns of the fully sampled centre; (0, 0) where there is none.
    """

    mask: Tensor
    center: Shape


@dataclass(frozen=True)
class Mask(ABC):
    """A family of masks; calling it draws one.

    Args:
        accelerations: the accelerations R ≥ 1; one is drawn per call, with its centre fraction.
        center_fractions: share of all columns that is always measured, in [0, 1/R], one per
            acceleration; None means 0.32/R each.
        seed: of validation and test masks; the run's own seed does not touch them.
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
        """Return the seed of a validation or test volume's mask; the same in every run."""
        if self.seeding == "file_name":
            return tuple(ord(letter) for letter in f"{volume}.h5")
        return seed_for("mask", self.seed, site, volume)

    def __call__(self, shape: Shape, seed: Seed) -> Sampling:
        """Draw a mask.

        Args:
            shape: rows and columns of the k-space.
            seed: one draw per seed.

        Raises:
            DataLayoutError: there are fewer columns than the largest acceleration.
        """
        rng = RandomState(seed)
        acceleration, fraction = self.pairs[rng.randint(0, len(self.accelerations))]
        self.check(shape)
        return self.draw(shape, acceleration, fraction, rng)

    def check(self, shape: Shape) -> None:
        """Raise an error for k-space with fewer columns than an acceleration.

        Raises:
            DataLayoutError: says which key to lower.
        """
        if shape[1] < max(self.accelerations):
            raise DataLayoutError(
                f"mask.accelerations={max(self.accelerations):g} needs at least that many columns, "
                f"the k-space has {shape[1]}; lower it for this site."
            )

    @abstractmethod
    def draw(
        self, shape: Shape, acceleration: float, fraction: float, rng: RandomState
    ) -> Sampling:
        """Return a sampling at one acceleration and centre fraction."""


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
