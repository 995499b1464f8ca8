"""What a section gives, and how pairs are timed."""

import gc
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Clock = Callable[[], float]
"""Does a piece of work and gives its seconds."""


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Args:
        section: its letter.
        name: what was measured.
        value: the number.
        unit: of the number; `×` for ratios.
        at_most: the target, where lower is better.
        at_least: the target, where higher is better.
        note: how to read it; where the target is missed, what bounds it.
        raw: every single measurement, seconds where nothing else is said.
    """

    section: str
    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""
    raw: Mapping[str, list[float]] = field(default_factory=dict[str, list[float]])

    @property
    def target(self) -> str:
        """How the table shows the target; empty without one."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    def as_json(self) -> dict[str, Any]:
        """Gives everything, plain."""
        return {
            "section": self.section,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "target": self.target or None,
            "reached": self.reached,
            "note": self.note,
            "raw": dict(self.raw),
        }


@dataclass(frozen=True)
class Pair:
    """Two pieces of work, timed in turn.

    Attributes:
        first: seconds of each run of the first.
        second: seconds of each run of the second.
    """

    first: list[float]
    second: list[float]

    @property
    def ratio(self) -> float:
        """How many times longer the first takes: the median over neighbouring runs."""
        return median(a / b for a, b in zip(self.first, self.second, strict=True))

    @property
    def raw(self) -> dict[str, list[float]]:
        """Every run's seconds."""
        return {"first": self.first, "second": self.second}


def clocked(work: Callable[[], object]) -> Clock:
    """Gives a clock of work, garbage of others collected before."""

    def clock() -> float:
        gc.collect()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return clock


def page_faults() -> int:
    """Gives how many pages this process has been handed so far: each costs time to clear."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def in_turn(first: Clock, second: Clock, repeats: int) -> Pair:
    """Times two pieces of work A B A B …, after one run of each to warm up."""
    for warm_up in (first, second):
        warm_up()
    runs = [(first(), second()) for _ in range(repeats)]
    return Pair([a for a, _ in runs], [b for _, b in runs])
