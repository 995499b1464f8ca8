"""(engines) what a round costs on each engine; each run in a process of its own.

`python -m benchmarks.engines '<json of a Trial>'` makes one of them and prints what it took.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks import fresh
from benchmarks.bed import LOADING, ONE_ROUND, Bed, fl_mr
from benchmarks.results import Result
from benchmarks.scaling import Rounds
from flmrcm.engines.in_process import InProcess
from flmrcm.engines.ray import RayActors
from flmrcm.federation.client import Client
from flmrcm.federation.clients import Clients
from flmrcm.federation.engine import Engine
from flmrcm.federation.memory import MemoryStore

COUNTS = (4, 16, 64)
REPEATS = 2
IN_PROCESS = "in process"
ACTORS = {"Ray, 1 actor": 1, "Ray, 2 actors": 2}
ENGINES = (IN_PROCESS, *(ACTORS if find_spec("ray") else ()))
_MIB = 2**20


@dataclass(frozen=True)
class Trial:
    """One engine with one count of sites, one thread for each process.

    Args:
        engine: of `ENGINES`.
        sites: that train, one step each: little work shows what carrying it costs.
        image: height and width, pixels.
        channels: of the U-Net's first level; 16 make 1.9 million weights.
        rounds: the first isn't timed: it starts the engine.
    """

    engine: str = IN_PROCESS
    sites: int = 4
    image: int = 32
    channels: int = 16
    rounds: int = 3


@dataclass(frozen=True)
class Taken:
    """What a trial took.

    Attributes:
        seconds: of each round after the first.
        memory: MiB held after the last round by the process and all it started.
        moved: MiB of tensors sent and received in a round.
    """

    seconds: list[float]
    memory: float
    moved: float


def engines(_: Path, quick: bool) -> list[Result]:
    """(engines) Seconds, memory and bytes of a round at 4, 16 and 64 sites on each engine."""
    trial, counts = (Trial(channels=4, rounds=2), (2,)) if quick else (Trial(), COUNTS)
    repeats = 1 if quick else REPEATS
    return [row for n in counts for row in _rows(replace(trial, sites=n), repeats)]


def _rows(trial: Trial, repeats: int) -> Iterator[Result]:
    taken = {name: list[Taken]() for name in ENGINES}
    for _ in range(repeats):  # in turn: the machine's speed drifts over minutes
        for name in ENGINES:
            taken[name].append(in_fresh_process(replace(trial, engine=name)))
    seconds = {name: [s for one in runs for s in one.seconds] for name, runs in taken.items()}
    for name in ENGINES:
        memory, moved = (
            median(getattr(t, key) for t in taken[name]) for key in ("memory", "moved")
        )
        label, note = (
            f"{trial.sites} sites, {name}",
            f"{memory:.0f} MiB held, {moved:.1f} MiB moved",
        )
        value, raw = median(seconds[name]), {"seconds": seconds[name]}
        yield Result("engines", f"{label}: a round", value, "s", note=note, raw=raw)
    for name in ENGINES[1:]:
        pairs = zip(seconds[name], seconds[IN_PROCESS], strict=True)
        ratio = median(one / other for one, other in pairs)
        yield Result("engines", f"{trial.sites} sites, {name} / in process", ratio, "×")


def in_fresh_process(trial: Trial) -> Taken:
    """Runs a trial where nothing ran before, so that what it holds is its own."""
    words = json.dumps(asdict(trial))
    return Taken(**fresh.in_fresh_process("benchmarks.engines", words, OMP_NUM_THREADS="1"))


def run(trial: Trial) -> Taken:
    """Trains FL-MR over the trial's sites from this process."""
    slices, rounds = {f"site_{i:02}": 4 for i in range(trial.sites)}, Rounds()
    with tempfile.TemporaryDirectory() as folder:
        home, loading = Path(folder), replace(LOADING, cache="off")
        bed = Bed(home, slices, tuple(slices), trial.image, trial.channels, loading)
        plan = replace(ONE_ROUND, rounds=trial.rounds)
        federation, _ = bed.federation(fl_mr("site_00"), home / "run", plan, trackers=[rounds])
        federation = replace(federation, engine=engine_of(trial.engine, bed))
        federation.run(bed.module().model.state_dict())
        moved = [row.value for row in federation.journal.read() if row.split == "wire"]
        memory = held(os.getpid())
        federation.engine.close()
    seconds = [b - a for a, b in pairwise(rounds.ends)]
    return Taken(seconds, memory / _MIB, sum(moved) / trial.rounds / _MIB)


def engine_of(name: str, bed: Bed) -> Engine:
    """Gives an engine before the sites of a bed, their memories on disk."""
    crew = Clients(clients(bed), partial(clients, replace(bed)))
    store = MemoryStore(bed.folder / "run" / "memory", budget=0)
    if name == IN_PROCESS:
        return InProcess(crew, store, threads=1)
    return RayActors(crew, store, ACTORS[name], threads=1)


def clients(bed: Bed) -> Mapping[str, Client]:
    """Gives the clients of a bed: an engine's recipe."""
    return bed.clients(fl_mr("site_00"))


def held(process: int) -> float:
    """Gives the bytes held by a process and all below it; what they share is counted once."""
    parents = {int(path.parent.name): _parent(path) for path in Path("/proc").glob("[0-9]*/stat")}
    below = {process}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return float(sum(_share(Path(f"/proc/{number}/smaps_rollup")) for number in below))


def _parent(path: Path) -> int:
    try:
        return int(path.read_text().rpartition(")")[2].split()[1])
    except OSError:  # it ended meanwhile
        return 0


def _share(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    from benchmarks import engines as itself  # so that other processes find what is pickled

    print(json.dumps(asdict(itself.run(itself.Trial(**json.loads(sys.argv[1]))))))
