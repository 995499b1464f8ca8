"""`flmrcm runs`: every run below a folder, finished or not, one line each."""

import argparse
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from flmrcm.commands.flags import FlagParser
from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice
from flmrcm.logs import say
from flmrcm.reports.collected.comparable_runs import match_folders
from flmrcm.reports.collected.run_filters import filter_runs
from flmrcm.reports.collected.run_overview import RunOverview, list_overviews
from flmrcm.reports.tables.fitting import print_whole
from flmrcm.reports.tables.overview_tables import PSNR_NOTE, build_overview_table


def _rank_by_psnr(run: RunOverview) -> tuple[bool, float]:
    """Return what sorts the best run first, and last the runs whose PSNR is missing or NaN."""
    psnr = run.psnr
    return (True, 0.0) if psnr is None or not isfinite(psnr) else (False, -psnr)


_ORDERS: dict[str, Callable[[RunOverview], Any]] = {
    "age": lambda run: -run.changed,
    "psnr": _rank_by_psnr,
    "strategy": lambda run: str(run.method),
    "target": lambda run: str(run.target),
    "seed": lambda run: run.seed or 0,
    "run": lambda run: run.folder,
}


def main(words: Sequence[str]) -> None:
    """Print a table of the runs that the words fit, the newest first.

    Raises:
        ConfigErrors: a word that isn't understood.
        FlmrcmError: there's no run, or none that fits.
    """
    options = _parse_words(words)
    filters = [word for word in options.words if "=" in word]
    typed = [word for word in options.words if "=" not in word] or ["outputs"]
    folders = match_folders(typed)
    if not folders:
        raise FlmrcmError(f"{', '.join(typed)}: no such folder.")
    runs = list_overviews(folders)
    fitting = sorted(filter_runs(runs, filters), key=_ORDERS[options.sort])
    if not fitting:
        raise FlmrcmError(f"None of {len(runs)} runs fits {' '.join(filters)}.")
    print_whole(build_overview_table(fitting[: options.first]))
    if any(run.psnr is not None for run in fitting):
        say(PSNR_NOTE, style="dim")


def _parse_words(words: Sequence[str]) -> argparse.Namespace:
    parser = FlagParser("runs")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--sort", default="age")
    parser.add_argument("--first", type=int)
    options = parser.parse_intermixed_args(words)
    problems = check_choice("--sort", options.sort, list(_ORDERS))
    if options.first is not None and options.first < 1:
        problems += [f"--first {options.first}: a number of runs, 1 or more."]
    if problems:
        raise ConfigErrors(problems)
    return options
