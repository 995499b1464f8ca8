"""(compile) What compiling gains in a training step of each model, and what it takes before."""

from pathlib import Path

from measured.measurement import Figure, make_ratio, time_in_turn, time_once
from measured.models import MODELS, QUICK, STEP, make_coil_parts, make_coil_step

WAYS = {"plain": "compute.compile=false", "compiled": "compute.compile=true"}


def measure_compiling(folder: Path, quick: bool) -> list[Figure]:
    """Return plain / compiled for a step of each model; compiling's own seconds in a note."""
    names = MODELS[:1] if quick else MODELS
    return [_compare(folder / name, name, quick) for name in names]


def _compare(folder: Path, name: str, quick: bool) -> Figure:
    size = QUICK if quick else STEP
    steps = {
        way: make_coil_step(make_coil_parts(folder / way, size, f"model={name}", word))
        for way, word in WAYS.items()
    }
    first = {way: time_once(step)[1] for way, step in steps.items()}
    warm_up = first["compiled"] - first["plain"]
    plain, compiled = time_in_turn(steps, size.repeats).values()
    gained = (sum(plain) - sum(compiled)) / size.repeats  # seconds a step
    note = f"compiling takes {warm_up:.0f} s"
    note += f", which {warm_up / gained:,.0f} steps bring back" if gained > 0 else ""
    return make_ratio(f"step of {name}, plain / compiled", plain, compiled, note=note)
