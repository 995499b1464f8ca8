"""How the learning rate changes from round to round; it is the same at every site, and in a round.

A schedule has no history: the factor of a round follows from its number alone, so a resumed run
trains at the rates of the uninterrupted one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, pi

from flmrcm.errors import ConfigErrors, check_choice, require

STEP, COSINE, WARMUP_COSINE, NONE = "step", "cosine", "warmup_cosine", "none"

FOLLOWS_RUN = (COSINE, WARMUP_COSINE)
"""The schedules that end with the run, unless it is said when they end."""


@dataclass(frozen=True)
class Schedule:
    """The rate of each round, as a part of the run's base rate.

    Args:
        schedule: `step` multiplies it by a factor every so many rounds, `cosine` lets it fall along
            half a cosine (Loshchilov and Hutter, SGDR, ICLR 2017, equation 5, without restarts),
            `warmup_cosine` has it rise in equal steps before (Goyal et al. 2017, section 2.2),
            `none` leaves it as it is.
        decay_every: rounds after which `step` multiplies by `decay_factor`.
        decay_factor: in (0, 1].
        warmup_rounds: rounds before the first one at the whole rate, of `warmup_cosine`.
        schedule_rounds: rounds after which a cosine is at its lowest, the warm-up counted; None is
            the run's.
        lowest_factor: there, in (0, 1].

    Raises:
        ConfigErrors: a value outside its range.
    """

    schedule: str = STEP
    decay_every: int = 40
    decay_factor: float = 0.1
    warmup_rounds: int = 5
    schedule_rounds: int | None = None
    lowest_factor: float = 0.01

    def __post_init__(self) -> None:
        if problems := check_choice("local.schedule", self.schedule, tuple(_FACTORS)):
            raise ConfigErrors(problems)
        every, factor, warmup = self.decay_every, self.decay_factor, self.warmup_rounds
        rounds, lowest = self.schedule_rounds, self.lowest_factor
        require(
            {
                "local.decay_every": (every >= 1, f"at least 1; got {every}."),
                "local.decay_factor": (0 < factor <= 1, f"in (0, 1]; got {factor}."),
                "local.warmup_rounds": (warmup >= 0, f"at least 0; got {warmup}."),
                "local.schedule_rounds": (
                    rounds is None or rounds >= 1,
                    f"at least 1, or null; got {rounds}.",
                ),
                "local.lowest_factor": (0 < lowest <= 1, f"in (0, 1]; got {lowest}."),
            }
        )

    def find_factor(self, round_: int, rounds: int) -> float:
        """Return the factor of the base rate in a round, in (0, 1].

        Args:
            round_: counted from 0.
            rounds: of the run.
        """
        return _FACTORS[self.schedule](self, round_, self.schedule_rounds or rounds)


def _step(own: Schedule, round_: int, _end: int) -> float:
    return own.decay_factor ** (round_ // own.decay_every)


def _cosine(own: Schedule, round_: int, end: int) -> float:
    share = min(round_ / end, 1.0) if end > 0 else 1.0
    return own.lowest_factor + (1 - own.lowest_factor) * (1 + cos(pi * share)) / 2


def _warmup_cosine(own: Schedule, round_: int, end: int) -> float:
    if round_ < own.warmup_rounds:
        return (round_ + 1) / (own.warmup_rounds + 1)
    return _cosine(own, round_ - own.warmup_rounds, end - own.warmup_rounds)


def _none(_own: Schedule, _round: int, _end: int) -> float:
    return 1.0


_FACTORS: Mapping[str, Callable[[Schedule, int, int], float]] = {
    STEP: _step,
    COSINE: _cosine,
    WARMUP_COSINE: _warmup_cosine,
    NONE: _none,
}
