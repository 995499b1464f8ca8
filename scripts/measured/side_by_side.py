"""(processes) Sites side by side in processes of one thread, against one process of all threads."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from flmrcm.engines.processes import count_cores
from measured.end_to_end import time_rounds
from measured.measurement import Figure, make_ratio, measure_in_turn

WORDS = (
    "sites=simulated", "strategy=fl_mr", "target=sim_h", "size=small", "rounds=4", "keep_every=1",
    "validate_every=9", "local.epochs=1", "local.batch_size=4", "logger=csv", "compute=cpu",
    "data.cache=ram", "test.saved_volumes=0",
)  # fmt: skip
SMALLER = ("size=tiny", "data.simulated.size=32")


def measure_side_by_side(_: Path, quick: bool) -> list[Figure]:
    """Return one process / several for a round of four sites; idle, and beside a busy program."""
    cores = count_cores()
    words = [*WORDS, *(SMALLER if quick else ())]
    ways = {
        "one process": [*words, f"engine.threads={cores}"],
        "processes": [*words, "engine=processes", f"engine.workers={min(cores, 4)}"],
    }
    figures: list[Figure] = []
    for name, beside in (("idle", nullcontext), ("beside a program at nice 10", keep_a_core_busy)):
        with beside():
            works = {way: partial(time_rounds, typed) for way, typed in ways.items()}
            taken = measure_in_turn(works, 1 if quick else 3)
        one, several = ([min(rounds) for rounds in taken[way]] for way in ways)
        target = "≥ 1.3" if beside is nullcontext else ""
        note = f"{cores} cores; processes take {min(several):.2f} s"
        figures.append(make_ratio(f"one process / processes, {name}", one, several, target, note))
    return figures


@contextmanager
def keep_a_core_busy() -> Generator[None]:
    """Let another program of low priority compute for the length of a block."""
    loop = "while True: pass"
    program = subprocess.Popen([sys.executable, "-c", loop], preexec_fn=lambda: os.nice(10))  # noqa: S603
    try:
        yield
    finally:
        program.kill()
        program.wait()
