"""The command line: which sections, the table, the JSON."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.carriage import carriage
from benchmarks.comparison import comparing
from benchmarks.coordinator import coordinating
from benchmarks.data import judging, loading
from benchmarks.engines import engines
from benchmarks.machine import describe
from benchmarks.preparation import preparing
from benchmarks.results import Result
from benchmarks.rounds import arithmetic, overhead
from benchmarks.scaling import scaling
from benchmarks.steps import bf16, channels_last, throughput

Section = Callable[[Path, bool], list[Result]]

SECTIONS: dict[str, Section] = {
    "a": overhead,
    "b": arithmetic,
    "c": bf16,
    "d": throughput,
    "e": loading,
    "f": judging,
    "g": scaling,
    "h": channels_last,
    "i": comparing,
    "j": preparing,
}
ON_DEMAND: dict[str, Section] = {
    "engines": engines,
    "carriage": carriage,
    "coordinator": coordinating,
}
"""What takes long and is measured only when named."""

_MARKS = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}


def main(words: Sequence[str] | None = None) -> None:
    """Measures what the words ask for, prints a table and writes the JSON."""
    asked = _parser().parse_args(words)
    console, machine = Console(), describe()
    console.print(", ".join(f"{key}: {value}" for key, value in machine.items()))
    results: list[Result] = []
    start = time.perf_counter()
    for letter in asked.sections or SECTIONS:
        found = measured(letter, asked.quick, console)
        results += map(without_target, found) if asked.quick else found
    machine["seconds"] = time.perf_counter() - start
    console.print(as_table(results), as_notes(results))
    write(asked.json, machine, asked.quick, results)
    console.print(f"{machine['seconds']:.0f} s; every single time is in {asked.json}")


def measured(letter: str, quick: bool, console: Console) -> list[Result]:
    """Gives a section's results, made in a folder of its own that is deleted afterwards."""
    section = {**SECTIONS, **ON_DEMAND}[letter]
    summary = (section.__doc__ or "").splitlines()[0]
    console.print(f"[dim]{summary}[/]")
    with tempfile.TemporaryDirectory() as folder:
        return section(Path(folder), quick)


def without_target(result: Result) -> Result:
    """Gives a result that tells nothing about its target, because its size was tiny."""
    return replace(result, at_most=None, at_least=None)


def as_table(results: Sequence[Result]) -> Table:
    """Gives the results as people read them."""
    table = Table("", "what", "value", "target", "reached")
    for r in results:
        digits = f"{r.value:.3f}" if r.unit in ("×", "s") else f"{r.value:.1f}"
        table.add_row(r.section, r.name, f"{digits} {r.unit}", r.target, _MARKS[r.reached])
    return table


def as_notes(results: Sequence[Result]) -> Table:
    """Gives what must be known to read the numbers."""
    notes = Table.grid(padding=(0, 1))
    for r in results:
        if r.note:
            notes.add_row(r.section, f"[bold]{r.name}[/]: {r.note}")
    return notes


def write(path: Path, machine: dict[str, Any], quick: bool, results: Sequence[Result]) -> None:
    """Writes machine and results, every single time among them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine, "quick": quick, "results": [r.as_json() for r in results]}
    path.write_text(json.dumps(content, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    sections = (*SECTIONS.values(), *ON_DEMAND.values())
    epilog = "; ".join((section.__doc__ or "").splitlines()[0] for section in sections)
    parser = argparse.ArgumentParser(description="Measures speed and memory.", epilog=epilog)
    help_ = f"all but {', '.join(ON_DEMAND)} when none"
    parser.add_argument("sections", nargs="*", type=_known, metavar="SECTION", help=help_)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--json", type=Path, default=Path("outputs/benchmark.json"), metavar="FILE")
    return parser


def _known(letter: str) -> str:
    known = (*SECTIONS, *ON_DEMAND)
    if letter not in known:
        raise argparse.ArgumentTypeError(f"{letter}: use some of {' '.join(known)}")
    return letter
