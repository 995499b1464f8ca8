"""Somebody else's results: are they what their own config and data give on this machine, too?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.config.allow_list import AllowList
from flmrcm.config.benchmark import Cell, Protocol, identify
from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.reports.leaderboard.result_file import KEYS, ZERO_FILLED_PSNR, Result, select_cells
from flmrcm.runs.benchmark.contest import Contest

SAME_INPUT = 0.01
"""dB: how far zero-filled images' PSNR may be; no training is in it, only data and masks."""


@dataclass(frozen=True)
class Verification:
    """What became of repeating some of a file's runs.

    Attributes:
        accepted: whether every site's mean is within the protocol's tolerance.
        lines: what was repeated, the largest difference of each metric, and the verdict.
    """

    accepted: bool
    lines: Sequence[str]


def prepare_verification(protocol: Protocol, result: Result, trust: bool, root: Path) -> Contest:
    """Return the contest that repeats a file's runs, checked before anything is built.

    Args:
        protocol: the file's.
        result: that the file holds.
        trust: build whatever class its strategy names, of any package.
        root: where the folders of its runs go.

    Raises:
        DataLayoutError: its strategy names what isn't flmrcm's own.
    """
    about, allowed = result.about, None if trust else AllowList()
    if allowed and (problems := allowed.find_problems("strategy", about.strategy)):
        chose = "Whoever wrote the file chose that; trust=true builds it all the same."
        raise DataLayoutError(f"{' '.join(problems)} {chose}")
    return Contest(protocol, about.method, about.model, about.strategy, (), root, allowed)


def choose_chains(
    protocol: Protocol, result: Result, seeds: Sequence[int], tasks: Sequence[str]
) -> list[list[Cell]]:
    """Return those of a file's runs that are to be repeated, with what they go on from."""
    chosen: list[list[Cell]] = []
    for chain in protocol.list_chains(seeds, tasks):
        asked = [c for c in chain if c in result.runs]
        starts = {start for cell in asked if (start := protocol.find_start(cell))}
        chosen += [[*sorted(starts - {*asked}), *asked]] if asked else []
    return chosen


def verify(
    contest: Contest, theirs: Result, chains: Sequence[Sequence[Cell]], data: str
) -> Verification:
    """Repeat runs of a file, and compare each site's means with the file's.

    Raises:
        DataLayoutError: nothing is to be repeated, or this version makes another config of it.
        FlmrcmError: a run failed.
    """
    cells = [cell for chain in chains for cell in chain]
    if not cells:
        raise DataLayoutError("the file holds none of the runs that are to be repeated.")
    for cell in cells:
        if contest.protocol.tasks[cell.task].evaluates or cell not in theirs.runs:
            continue
        if identify(contest.compose(cell)) != theirs.runs[cell].config:
            version = theirs.about.version
            raise DataLayoutError(
                f"{cell.name}: another config is made of it here than flmrcm {version} did; verify "
                "it with that version."
            )
    contest.check(cells)
    scores = pd.concat([result.scores for result in contest.run(chains, data)])
    if failures := contest.list_failures():
        raise FlmrcmError("\n".join(failures))
    return compare_scores(contest.protocol, theirs, scores, {*cells} & theirs.runs.keys())


def compare_scores(
    protocol: Protocol, theirs: Result, scores: pd.DataFrame, cells: Collection[Cell]
) -> Verification:
    """Return whether repeated runs' scores are within the tolerance of a file's.

    Args:
        protocol: says how far a site's mean may be.
        theirs: the file's.
        scores: of the repeated runs, as a result holds them.
        cells: the repeated runs; all are in the file.
    """
    gaps = (_average_sites(scores, cells) - _average_sites(theirs.scores, cells)).abs()
    limits = {ZERO_FILLED_PSNR: SAME_INPUT, **protocol.tolerance}
    lines = [f"repeated: {len(cells)} of its {len(theirs.runs)} runs"]
    lines += [_describe_gap(metric, gaps[metric], most) for metric, most in limits.items()]
    # not-a-number is not within
    accepted = all(bool((gaps[metric] <= most).all()) for metric, most in limits.items())
    known = "accepted: no site's mean differs by more than the protocol allows between machines"
    return Verification(accepted, [*lines, known if accepted else "not accepted"])


def _average_sites(scores: pd.DataFrame, cells: Collection[Cell]) -> Any:
    rows = select_cells(scores, cells).drop(columns="volume")
    return rows.groupby([*KEYS, "site"]).agg(lambda values: values.mean(skipna=False))


def _describe_gap(metric: str, gap: Any, most: float) -> str:
    title = metric.replace("_", " ")
    if gap.isna().any():
        return f"{title}: not a number, or not in both"
    if (gap == 0).all():
        return f"{title}: equal"
    *cell, site = gap.idxmax()
    beyond = "" if gap.max() <= most else ": too much"
    place = f"{Cell(*cell).name}, {site}"
    differs = f"a site's mean differs by up to {gap.max():.2g} ({place})"
    return f"{title}: {differs}; allowed {most:g}{beyond}"
