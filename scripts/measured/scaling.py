"""(g) what more sites cost; (engines) what an engine costs; (coordinator) what it does itself."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import chain, product
from pathlib import Path
from statistics import median
from typing import NamedTuple

from flmrcm.engines.in_process import InProcess
from flmrcm.federation.engine import Operation
from flmrcm.strategies.robust import AGGREGATIONS
from flmrcm.types import Broadcast, Reply
from measured.fixtures import TARGET, make_federation, make_fixture
from measured.measurement import (
    ONE_THREAD,
    Figure,
    K,
    make_median,
    make_ratio,
    measure_in_turn,
    read_held_memory,
    read_peak_memory,
    read_rounds,
    run_alone,
)

COUNTS, ON_DISK = (4, 16, 64), "compute.memory_budget=0"
ENGINES: dict[str, tuple[str, ...]] = {"in process": ("engine=in_process",)}
if find_spec("ray"):
    ENGINES["Ray, 1 actor"] = ("engine=ray", "engine.actors=1")
    ENGINES["Ray, 2 actors"] = ("engine=ray", "engine.actors=2")


class Taken(NamedTuple):
    """Seconds of each round but the first; MiB held at most, held at the end, moved in a round."""

    seconds: list[float]
    peak: float
    held: float
    moved: float


class Echo(InProcess):
    """An engine whose sites reply at once: the weights they were sent, each a little larger."""

    def call(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None = None
    ) -> Iterator[Reply]:
        """Return replies with tensors of their own."""
        for number, site in enumerate(sorted(messages)):
            weights = messages[site].weights
            yield Reply(site, 1, {k: v * (1 + number * 1e-4) for k, v in weights.items()})


def measure_scaling(_: Path, quick: bool) -> list[Figure]:
    """Return the seconds and memory of a round at more sites of equal total data."""
    total, image, repeats = (8, 32, 1) if quick else (2048, 128, 2)
    counts = (2, 4) if quick else COUNTS
    few, many = counts[0], counts[-1]
    words = ("strategy=fl_mrcm", "model.channels=8", "rounds=2")
    disk = run_in_turn({n: (n, total // n, image, (*words, ON_DISK)) for n in counts}, repeats)
    # little data: what memories hold doesn't depend on how long training takes
    total = min(total, 256)
    ram = run_in_turn({n: (n, total // n, 32, words) for n in (few, many)}, 1)
    note = f"{median(disk[few].seconds):.2f} s a round at {few} sites"
    peaks = disk[many].peak / disk[few].peak
    per_site = (ram[many].peak - ram[few].peak) / (many - few)
    return [
        *(make_ratio(f"time, {n} sites / {few}", disk[n].seconds, disk[few].seconds, "≤ 1.1", note)
          for n in counts[1:]),
        Figure(f"peak memory, {many} sites / {few}", peaks, target="≤ 1.1"),
        Figure("memory per site, RAM store", per_site, "MiB"),
    ]  # fmt: skip


def measure_engines(_: Path, quick: bool) -> list[Figure]:
    """Return the seconds, memory and bytes of a round at more sites on each engine."""
    counts, repeats, channels, rounds = ((2,), 1, 4, 2) if quick else (COUNTS, 2, 16, 3)
    words = ("strategy=fl_mr", f"model.channels={channels}", f"rounds={rounds}", ON_DISK)
    figures: list[Figure] = []
    for n in counts:
        trials = {name: (n, 4, 32, (*words, *own)) for name, own in ENGINES.items()}
        with ONE_THREAD:
            taken = run_in_turn(trials, repeats)
        base = taken["in process"]
        for name, t in taken.items():
            note = f"{t.held:.0f} MiB held, {t.moved:.1f} MiB moved"
            figures.append(make_median(f"{n} sites, {name}", t.seconds, note))
            if t is not base:
                name = f"{n} sites, {name} / in process"
                figures.append(make_ratio(name, t.seconds, base.seconds))
    return figures


def measure_coordinator(_: Path, quick: bool) -> list[Figure]:
    """Return the seconds and memory of a round at the coordinator, whose sites take no time."""
    counts, channels = ((5,), 4) if quick else ((10, 100), 32)
    words = ("strategy=fl_mr", f"model.channels={channels}", "rounds=2")
    words = (*words, "engine._target_=measured.scaling.Echo")
    trials = {
        f"{n} sites, {rule}": (n, 1, 32, (*words, f"strategy.aggregation={rule}"))
        for rule, n in product(AGGREGATIONS, counts)
    }
    with ONE_THREAD:
        taken = run_in_turn(trials, 1)
    return [make_median(n, t.seconds, f"{t.peak:.0f} MiB at most") for n, t in taken.items()]


def run_in_turn(
    trials: Mapping[K, tuple[int, int, int, Sequence[str]]], repeats: int
) -> dict[K, Taken]:
    """Return all seconds and the highest memory of each trial, run in processes of its own."""
    works = {key: partial(run_alone, run_trial, *t) for key, t in trials.items()}
    merged: dict[K, Taken] = {}
    for key, runs in measure_in_turn(works, repeats).items():
        seconds, *memory = zip(*runs, strict=True)
        merged[key] = Taken([*chain(*seconds)], *map(max, memory))
    return merged


def run_trial(n: int, n_slices: int, image: int, words: Sequence[str]) -> Taken:
    """Return what a federation of n sites, of so many slices each, takes in this process."""
    slices = {**{f"site_{i:03}": n_slices for i in range(n)}, TARGET: 8}
    with tempfile.TemporaryDirectory() as place:
        fixture = make_fixture(Path(place), slices, image, "participants=others", *words)
        federation = make_federation(fixture)
        federation.run(fixture.initial)
        moved = sum(row.value for row in federation.journal.read() if row.split == "wire")
        seconds, held = read_rounds(fixture.folder / "run"), read_held_memory(os.getpid())
        federation.engine.close()
    return Taken(seconds, read_peak_memory(), held, moved / federation.plan.rounds / 2**20)
