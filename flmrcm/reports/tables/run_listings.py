"""Tables about the runs behind a comparison: what they are, in what they differ, where they ran."""

import os
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.collected.labels import list_settings

_MISSING_CELL = "–"


class RunListing(NamedTuple):
    """A table of words.

    Attributes:
        heads: of the columns.
        rows: as long as the heads each; the first cell names the row.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def shorten_names(runs: Sequence[Run]) -> dict[str, str]:
    """Gives each run's folder below the folder that all runs share, by the whole folder."""
    folders = [str(run.folder) for run in runs]
    shared = find_common_folder(runs)
    return {folder: os.path.relpath(folder, shared) if shared else folder for folder in folders}


def find_common_folder(runs: Sequence[Run]) -> str:
    """Gives the deepest folder below which all runs lie; empty where there's none."""
    parents = [str(run.folder.parent) for run in runs]
    absolute = {run.folder.is_absolute() for run in runs}
    return os.path.commonpath(parents) if len(absolute) == 1 else ""


def list_runs(runs: Sequence[Run]) -> RunListing:
    """Gives a row per run: method, seed, who trained, whom it aligned with, work, machine."""
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
    """Gives the settings in which any two runs differ; whatever there's more of goes down."""
    names = shorten_names(runs)
    found = {names[str(run.folder)]: dict(list_settings(run.config)) for run in runs}
    keys = dict.fromkeys(key for config in found.values() for key in config)
    apart = [key for key in keys if len({repr(c.get(key)) for c in found.values()}) > 1]
    rows = [
        [name, *(str(config.get(key, _MISSING_CELL)) for key in apart)]
        for name, config in found.items()
    ]
    lines = [["", *apart], *rows]
    if len(apart) > len(runs):
        lines = [list(line) for line in zip(*lines, strict=True)]
    return RunListing(lines[0], lines[1:])


def list_machines(runs: Sequence[Run]) -> RunListing:
    """Gives a column per environment that runs ran in: code, machine, versions."""
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
    """Gives each environment a letter, in the order of the runs."""
    environments = dict.fromkeys(_list_environment(run) for run in runs)
    return {environment: _format_letter(number) for number, environment in enumerate(environments)}


def _format_letter(number: int) -> str:
    again, place = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(again + 1) if again else "")


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
