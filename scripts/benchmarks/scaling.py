"""(g) what more sites cost, of equal total data; each count in a process of its own.

`python -m benchmarks.scaling '<json of a Trial>'` runs one of them and prints what it took.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks import fresh
from benchmarks.bed import LOADING, ONE_ROUND, Bed, fl_mrcm
from benchmarks.results import Result
from flmrcm.types import Measurement

COUNTS = (4, 16, 64)
AT_MOST = 1.1
REPEATS = 2
TARGET = "target"
BUDGETS = {"disk": 0.0, "ram": float("inf")}


@dataclass(frozen=True)
class Trial:
    """One count of sites.

    Args:
        sites: that train; the target only lends its images.
        store: `disk` or `ram`, where private memories wait.
        slices: of all training sites together.
        image: height and width, pixels.
        channels: of the U-Net's first level.
        rounds: the first isn't timed.
    """

    sites: int = 4
    store: str = "disk"
    slices: int = 2048
    image: int = 128
    channels: int = 8
    rounds: int = 2


FULL, TINY = Trial(), Trial(slices=8, image=32, rounds=2)
ONE_STEP_EACH = Trial(slices=256, image=32, rounds=2)
"""Enough to fill the RAM store; memory doesn't depend on how long training takes."""


@dataclass(frozen=True)
class Taken:
    """What a trial took.

    Attributes:
        seconds: of each round after the first.
        peak: resident memory at its highest, MiB.
        files: seconds a round spends on files.
    """

    seconds: list[float]
    peak: float
    files: float


class Rounds:
    """A tracker that notes when each round ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def start(self, rows: Sequence[Measurement]) -> None:
        """Has nothing to begin with."""

    def log(self, rows: Sequence[Measurement]) -> None:
        """Notes the time."""
        self.ends.append(time.perf_counter())

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Path]) -> None:
        """Has nothing to close."""


def scaling(_: Path, quick: bool) -> list[Result]:
    """(g) Seconds per round and peak memory at 4, 16 and 64 sites of equal total data."""
    counts = (2, 4) if quick else COUNTS
    trial, short = (TINY, TINY) if quick else (FULL, ONE_STEP_EACH)
    disk = in_turn_in_fresh_processes(trial, counts, 1 if quick else REPEATS)
    ends = (counts[0], counts[-1])
    ram = {n: in_fresh_process(replace(short, sites=n, store="ram")) for n in ends}
    rows = [row for n in counts[1:] for row in _against_fewest(disk, n, counts[0])]
    per_site = (ram[ends[1]].peak - ram[ends[0]].peak) / (ends[1] - ends[0])
    peaks = ", ".join(f"{ram[n].peak:.0f} MiB at {n}" for n in ends)
    note = f"model's and discriminator's optimizers, discriminator; peak {peaks} sites"
    return [*rows, Result("g", "memory per site, RAM store", per_site, "MiB", note=note)]


def _against_fewest(taken: Mapping[int, Taken], n: int, fewest: int) -> list[Result]:
    ours, base = taken[n], taken[fewest]
    seconds, base_seconds = median(ours.seconds), median(base.seconds)
    ratios = [one / other for one, other in zip(ours.seconds, base.seconds, strict=True)]
    per_site = 1e3 * (seconds - base_seconds) / (n - fewest)
    files = 1e3 * (ours.files - base.files) / (n - fewest)
    time_note = (
        f"{base_seconds:.2f} → {seconds:.2f} s a round; beside its steps each site adds "
        f"{per_site:.0f} ms, {files:.0f} ms of it for writing its memory"
    )
    peak_note = f"{base.peak:.0f} → {ours.peak:.0f} MiB, disk store"
    raw = {f"{fewest} sites": base.seconds, f"{n} sites": ours.seconds}
    ratio, label = median(ratios), f"{n} sites / {fewest}"
    return [
        Result("g", f"time, {label}", ratio, "×", at_most=AT_MOST, note=time_note, raw=raw),
        Result(
            "g",
            f"peak memory, {label}",
            ours.peak / base.peak,
            "×",
            at_most=AT_MOST,
            note=peak_note,
        ),
    ]


def in_turn_in_fresh_processes(
    trial: Trial, counts: Sequence[int], repeats: int
) -> dict[int, Taken]:
    """Runs each count in turn, several times: the machine's speed drifts over minutes."""
    taken = [{n: in_fresh_process(replace(trial, sites=n)) for n in counts} for _ in range(repeats)]
    return {
        n: Taken(
            [seconds for each in taken for seconds in each[n].seconds],
            max(each[n].peak for each in taken),
            median(each[n].files for each in taken),
        )
        for n in counts
    }


def in_fresh_process(trial: Trial) -> Taken:
    """Runs a trial where nothing ran before, so that the peak is its own."""
    return Taken(**fresh.in_fresh_process("benchmarks.scaling", json.dumps(asdict(trial))))


def run(trial: Trial) -> Taken:
    """Trains FL-MRCM over the trial's sites, optimizers kept, in this process."""
    each, rounds = trial.slices // trial.sites, Rounds()
    sources = {f"site_{i:02}": each for i in range(trial.sites)}
    slices = {**sources, TARGET: 8}
    with tempfile.TemporaryDirectory() as folder:
        home, loading = Path(folder), replace(LOADING, cache="off")
        bed = Bed(home, slices, tuple(sources), trial.image, trial.channels, loading)
        plan, budget = replace(ONE_ROUND, rounds=trial.rounds), BUDGETS[trial.store]
        strategy = fl_mrcm(TARGET)
        federation, files = bed.federation(strategy, home / "run", plan, budget, [rounds])
        federation.run(bed.module().model.state_dict())
    seconds = [b - a for a, b in pairwise(rounds.ends)]
    return Taken(seconds, fresh.peak_mib(), files.seconds / trial.rounds)


if __name__ == "__main__":
    print(json.dumps(asdict(run(Trial(**json.loads(sys.argv[1]))))))
