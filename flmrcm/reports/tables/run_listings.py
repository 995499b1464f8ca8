"""Tables about the runs of a comparison: configs, differences, machines and versions."""

import os
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.collected.labels import list_settings
from flmrcm.reports.collected.run_overview import RunOverview

_MISSING_CELL = "–"


class RunListing(NamedTuple):
    """A table of words.

    Attributes:
        heads: of the columns.
        rows: each as long as the heads; the first cell is the row's name.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def shorten_names(runs: Sequence[Run | RunOverview]) -> dict[str, str]:
    """Return a short name for each run's folder: its path below the folder that all runs share."""
    folders = [str(run.folder) for run in runs]
    common = find_common_folder(runs)
    return {folder: os.path.relpath(folder, common) if common else folder for folder in folders}


def find_common_folder(runs: Sequence[Run | RunOverview]) -> str:
    """Return the deepest folder that holds all runs; empty where there's none."""
    parents = [str(run.folder.parent) for run in runs]
    absolute = {run.folder.is_absolute() for run in runs}
    return os.path.commonpath(parents) if len(absolute) == 1 else ""


def list_runs(runs: Sequence[Run]) -> RunListing:
    """Return a row per run: method, seed, training sites, aligned site, steps, machine, …."""
    machines, names = _assign_letters(runs), shorten_names(runs)
    heads = ["run", "method", "seed", "trained on", "aligned with", "acceleration", "rounds"]
    rows = [
        [
            names[str(run.folder)], run.name, str(run.seed), " ".join(run.participants),
            run.aligned_with or _MISSING_CELL, run.accelerations,
            str(run.config.get("rounds", _MISSING_CELL)), f"{run.optimizer_steps:,}",
            machines[_list_environment(run)],
        ]
        for run in runs
    ]  # fmt: skip
    return RunListing([*heads, "optimizer steps", "ran on"], rows)


def list_differing_settings(runs: Sequence[Run]) -> RunListing:
    """Return the settings in which any two runs differ.

    Runs are rows and settings are columns, or the other way round if there are more settings.
    """
    names = shorten_names(runs)
    settings = {names[str(run.folder)]: dict(list_settings(run.config)) for run in runs}
    keys = dict.fromkeys(key for own in settings.values() for key in own)
    differing = [key for key in keys if len({repr(c.get(key)) for c in settings.values()}) > 1]
    rows = [
        [name, *(str(own.get(key, _MISSING_CELL)) for key in differing)]
        for name, own in settings.items()
    ]
    lines = [["", *differing], *rows]
    if len(differing) > len(runs):
        lines = [list(line) for line in zip(*lines, strict=True)]
    return RunListing(lines[0], lines[1:])


def list_machines(runs: Sequence[Run]) -> RunListing:
    """Return a column per environment of the runs: commit, machine, versions."""
    letters = _assign_letters(runs)
    columns = [dict(environment) for environment in letters]
    names = dict.fromkeys(name for column in columns for name in column)
    counts = [sum(_list_environment(run) == environment for run in runs) for environment in letters]
    heads = [
        f"{letter}: {count} {'run' if count == 1 else 'runs'}"
        for letter, count in zip(letters.values(), counts, strict=True)
    ]
    rows = [[name, *(column.get(name, _MISSING_CELL) for column in columns)] for name in names]
    return RunListing(["", *heads], rows)


def _assign_letters(runs: Sequence[Run]) -> dict[tuple[tuple[str, str], ...], str]:
    """Return each environment a letter, in the order of the runs."""
    environments = dict.fromkeys(_list_environment(run) for run in runs)
    return {environment: _format_letter(number) for number, environment in enumerate(environments)}


def _format_letter(number: int) -> str:
    cycle, index = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[index] + (str(cycle + 1) if cycle else "")


def _list_environment(run: Run) -> tuple[tuple[str, str], ...]:
    return tuple(_describe_environment(run.environment))


def _describe_environment(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not environment:
        yield "", "unknown: no environment.json"
        return
    git = environment.get("git") or {}
    changed = len(git.get("changed") or ())
    commit = str(git.get("commit") or "unknown")[:12]
    yield "commit", f"{commit}, {changed} files changed" if changed else commit
    for name in ("platform", "device", "python"):
        yield name, str(environment.get(name) or "unknown")
    for package, version in (environment.get("packages") or {}).items():
        yield package, str(version or "not installed")
