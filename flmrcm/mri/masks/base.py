"""What a sampling mask is: which samples of a slice's k-space are measured.

A mask is a pure function of the k-space's shape and a seed. What it measures is drawn per slice in
training and per volume in validation and test.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, NamedTuple

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
        partial_fourier: share p of the columns, in (0.5, 1], from column N(1 − p) on, in which all
            samples lie; None means everywhere.

    Attributes:
        from_file: whether each file's own sampling is read, and none drawn.

    Raises:
        ConfigErrors: lists of different length, R < 1, a centre fraction above 1/R, or a share of
            the columns that can't hold the samples or the centre.
    """

    from_file: ClassVar[bool] = False

    accelerations: Sequence[float] = (4,)
    center_fractions: Sequence[float] | None = None
    seed: int = 0
    seeding: str = "address"
    partial_fourier: float | None = None

    def __post_init__(self) -> None:
        problems = [*check_choice("mask.seeding", self.seeding, ("address", "file_name"))]
        problems += _find_problems(self.accelerations, self.center_fractions)
        if not problems and self.partial_fourier is not None:
            problems += _find_window_problems(self.partial_fourier, self.pairs)
        if problems:
            raise ConfigErrors(problems)

    def __repr__(self) -> str:
        """Return the class and its arguments, as sites' fingerprints have always held them."""
        later = ("partial_fourier",)
        told = [f.name for f in fields(self) if f.name not in later or getattr(self, f.name)]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in told)
        return f"{type(self).__qualname__}({arguments})"

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
        sampling = self.draw(shape, acceleration, fraction, rng)
        if first := self.get_first_column(shape[1]):
            sampling.mask[:, :first] = False
        return sampling

    def draw_each(self, shape: Shape) -> list[Sampling]:
        """Return one mask for each acceleration and its centre fraction: every size of centre."""
        alone = [replace(self, accelerations=[r], center_fractions=[f]) for r, f in self.pairs]
        return [mask(shape, 0) for mask in alone]

    def get_first_column(self, n_columns: int) -> int:
        """Return the first column that may be measured: 0, but with `partial_fourier`."""
        missing = 0 if self.partial_fourier is None else 1 - self.partial_fourier
        return int(n_columns * missing + 1e-6)  # 1 − 7/8 and the like, whatever their rounding

    def check(self, shape: Shape) -> None:
        """Raise an error for k-space that the mask doesn't fit.

        Raises:
            DataLayoutError: there are fewer columns than an acceleration; says which key to lower.
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
        """Return a sampling at one acceleration and centre fraction.

        What it measures outside the columns of `partial_fourier` is taken away afterwards; for an
        exact count it measures nothing there.
        """


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


def _find_window_problems(share: float, pairs: Sequence[tuple[float, float]]) -> list[str]:
    key = f"mask.partial_fourier={share:g}"
    if not 0.5 < share <= 1:
        return [f"{key}: a share of the columns above 0.5, at most 1, as 0.75; null means all."]
    problems = [
        f"{key}: acceleration {r:g} measures more than these columns; it must be at least "
        f"{1 / share:g}."
        for r, _ in pairs
        if r * share < 1
    ]
    return problems + [
        f"{key}: cuts the centre of mask.center_fractions={fraction:g}, which must be at most "
        f"{2 * share - 1:g}."
        for _, fraction in pairs
        if fraction > 2 * share - 1
    ]
