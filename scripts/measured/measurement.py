"""How work is measured: in turn, by the clock and in memory; and what a figure is."""

import gc
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from operator import ge, le
from pathlib import Path
from statistics import median
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from torch.utils.flop_counter import FlopCounterMode

K = TypeVar("K")
T = TypeVar("T")
Clock = Callable[[], float]
ONE_THREAD = patch.dict(os.environ, OMP_NUM_THREADS="1")
"""A context whose new processes compute on one thread each."""


@dataclass(frozen=True)
class Figure:
    """One line of the table; `target` is `≤ LIMIT` or `≥ LIMIT`, `raw` holds what was measured."""

    name: str
    value: float
    unit: str = "×"
    target: str = ""
    note: str = ""
    raw: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if not self.target:
            return None
        sign, limit = self.target.split()
        return {"≤": le, "≥": ge}[sign](self.value, float(limit))


def measure_in_turn(works: Mapping[K, Callable[[], T]], repeats: int) -> dict[K, list[T]]:
    """Return what each work returns, called A B A B …: the machine's speed drifts over minutes."""
    turns = [{key: work() for key, work in works.items()} for _ in range(repeats)]
    return {key: [turn[key] for turn in turns] for key in works}


def time_in_turn(
    works: Mapping[K, Callable[[], object]], repeats: int, clock: Clock = time.perf_counter
) -> dict[K, list[float]]:
    """Return the seconds of each work, called in turn after a warm-up."""
    timed = {key: lambda work=work: time_once(work, clock)[1] for key, work in works.items()}
    return {key: seconds[1:] for key, seconds in measure_in_turn(timed, 1 + repeats).items()}


def time_once(work: Callable[[], T], clock: Clock = time.perf_counter) -> tuple[T, float]:
    """Return what the work returns, and its seconds; earlier garbage is collected before."""
    gc.collect()
    start = clock()
    result = work()
    return result, clock() - start


def read_rounds(run: Path) -> list[float]:
    """Return the seconds of each round but the first, which starts the engine: `keep_every=1`."""
    paths = sorted(run.glob("checkpoints/round_*.pt"))
    return [(b.stat().st_mtime_ns - a.stat().st_mtime_ns) / 1e9 for a, b in pairwise(paths)]


def make_ratio(
    name: str, first: Sequence[float], second: Sequence[float], target: str = "", note: str = ""
) -> Figure:
    """Return how many times larger the first are: the median over pairs of neighbours."""
    ratios = [a / b for a, b in zip(first, second, strict=True)]
    note = f"{note}{'; ' * bool(note)}pairs from {min(ratios):.2f} to {max(ratios):.2f}"
    return Figure(name, median(ratios), "×", target, note, {"first": first, "second": second})


def make_median(
    name: str, seconds: Sequence[float], note: str = "", slices: int | None = None, target: str = ""
) -> Figure:
    """Return the median, in seconds, or in slices per second where slices are given."""
    raw, value = {"seconds": seconds}, median(seconds)
    if slices is None:
        return Figure(name, value, "s", target, note, raw)
    return Figure(name, slices / value, "slices/s", target, note, raw)


def count_flops(work: Callable[[], object]) -> int:
    """Return the floating-point operations of the work, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def run_alone(work: Callable[..., T], *given: object) -> T:
    """Return what the work returns where nothing ran before: what it holds is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def read_peak_memory() -> float:
    """Return this process's highest resident memory, MiB; `ru_maxrss` may be its parent's."""
    return _read_mib("VmHWM", Path("/proc/self/status"))


def read_held_memory(process: int) -> float:
    """Return the MiB a process and all below it hold; pages that they share are counted once."""
    folder = Path(f"/proc/{process}")
    try:
        own = _read_mib("Pss", folder / "smaps_rollup")
        below = " ".join(path.read_text() for path in folder.glob("task/*/children")).split()
    except OSError:  # it ended meanwhile
        return 0
    return own + sum(read_held_memory(int(child)) for child in below)


def _read_mib(key: str, path: Path) -> float:
    return sum(map(int, re.findall(rf"^{key}:\s+(\d+)", path.read_text(), re.M))) / 1024


def describe_machine() -> dict[str, Any]:
    """Return the processor, its threads and bfloat16 instructions, its load, and versions."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    return {
        "cpu": next(iter(re.findall(r"^model name\s*: (.*)", text, re.M)), platform.machine()),
        "threads": torch.get_num_threads(),
        "bf16": sorted(set(re.findall(r"\b(?:avx512_|amx_)?bf16\b", text))),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }
