"""The command line: which figures, the table, the JSON."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from measured import (
    big_site,
    compare,
    compiling,
    compression,
    end_to_end,
    gpu,
    masks,
    models,
    rounds,
    run_files,
    scaling,
    side_by_side,
    start_up,
    time_to_score,
    whole_command,
    work,
)
from measured.measurement import Figure, describe_machine

FIGURES: dict[str, Callable[[Path, bool], list[Figure]]] = {
    "a": rounds.measure_round_overhead,
    "b": rounds.measure_arithmetic,
    "c": work.measure_bf16,
    "d": work.measure_throughput,
    "e": work.measure_loading,
    "f": work.measure_judging,
    "g": scaling.measure_scaling,
    "h": work.measure_channels_last,
    "i": compare.measure_compare,
    "j": work.measure_preparation,
    "k": models.measure_models,
    "l": models.measure_coil_loading,
    "m": compression.measure_compression,
    "n": masks.measure_masks,
    "o": big_site.measure_big_site,
    "p": start_up.measure_start_up,
    "q": run_files.measure_run_files,
    "engines": scaling.measure_engines,
    "end_to_end": end_to_end.measure_end_to_end,
    "processes": side_by_side.measure_side_by_side,
    "whole": whole_command.measure_whole_commands,
    "compile": compiling.measure_compiling,
    "gpu": gpu.measure_gpu,
    "score": time_to_score.measure_time_to_score,
    "coordinator": scaling.measure_coordinator,
}
ABOUT = {key: str(measure.__doc__).removeprefix("Return ") for key, measure in FIGURES.items()}
LETTERS = [key for key in FIGURES if len(key) == 1]  # what is named by a word takes long
MARKS = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}


def main(words: Sequence[str] | None = None) -> None:
    """Measure what the words ask for, print a table and write the JSON."""
    asked, console, start = _parse(words), Console(), time.perf_counter()
    machine = describe_machine()
    console.print(", ".join(f"{key}: {value}" for key, value in machine.items()))
    found: list[tuple[str, Figure]] = []
    for key in asked.figures or LETTERS:
        console.print(f"[dim]({key}) {ABOUT[key]}[/]")
        with tempfile.TemporaryDirectory() as folder:
            found += [(key, figure) for figure in FIGURES[key](Path(folder), asked.quick)]
    if asked.quick:  # tiny sizes tell nothing about a target
        found = [(key, replace(figure, target="")) for key, figure in found]
    console.print(make_table(found))
    machine["seconds"] = time.perf_counter() - start
    write(asked.json, found, machine=machine, quick=asked.quick)
    console.print(f"{machine['seconds']:.0f} s; every single measurement is in {asked.json}")


def make_table(found: Sequence[tuple[str, Figure]]) -> Table:
    """Return the figures as people read them."""
    table = Table("", "what", "value", "target", "reached")
    for key, f in found:
        digits = 3 if f.unit in ("×", "s", "bytes a weight") else 1
        name = f"{f.name}\n[dim]{f.note}[/]" if f.note else f.name
        table.add_row(key, name, f"{f.value:.{digits}f} {f.unit}", f.target, MARKS[f.reached])
    return table


def write(path: Path, found: Sequence[tuple[str, Figure]], **about: object) -> None:
    """Write the figures, every single measurement among them, below what is said about them."""
    rows = [{"section": key, **asdict(f), "reached": f.reached} for key, f in found]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**about, "results": rows}, indent=2) + "\n")


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    epilog = " ".join(f"({key}) {about}" for key, about in ABOUT.items())
    parser = argparse.ArgumentParser(description="Measures speed and memory.", epilog=epilog)
    parser.add_argument("figures", nargs="*", choices=FIGURES, metavar="LETTER|WORD")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--json", type=Path, default=Path("outputs/benchmark.json"), metavar="FILE")
    return parser.parse_args(words)
