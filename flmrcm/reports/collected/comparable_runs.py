"""What can be compared: runs below folders, or matched by patterns."""

from collections.abc import Callable, Iterable, Sequence
from glob import glob
from pathlib import Path

from flmrcm.errors import FlmrcmError
from flmrcm.reports.attempt import describe_error
from flmrcm.reports.collected.finished_runs import (
    LEFT_OUT,
    Run,
    RunCollection,
    collect_runs,
    find_run_folders,
)
from flmrcm.run_files import CONFIG

FolderWatch = Callable[[Sequence[Path]], Iterable[Path]]
"""Gives the folders back one by one; may show how far it got."""


def collect_comparable(
    asked: Sequence[str], convention: str, watch: FolderWatch = iter
) -> RunCollection:
    """Return all runs below folders; what can't be compared becomes a line.

    A run found twice counts once.

    Args:
        asked: folders, or patterns such as `outputs/*/`.
        convention: that runs' scores must hold.
        watch: looks on while runs are read.

    Raises:
        FlmrcmError: no run can be compared; one line for each reason.
    """
    problems = [f"{word}: there's no such folder." for word in asked if not _expand_pattern(word)]
    found: dict[Path, Path] = {}
    for folder in match_folders(asked):
        runs = {path.resolve(): path for path in find_run_folders(folder)}
        if not runs:
            problems.append(f"{folder}: no run below (a run's folder holds {CONFIG}).")
        found.update(runs)
    parts = [collect_runs([folder]) for folder in watch(sorted(found.values()))]
    collection = RunCollection(
        [run for part in parts for run in part.runs],
        {folder: how_far for part in parts for folder, how_far in part.unfinished.items()},
        [*problems, *(problem for part in parts for problem in part.problems)],
    )
    return _keep_comparable(collection, convention)


def match_folders(asked: Sequence[str]) -> list[Path]:
    """Gives the folders that are there, patterns spelled out."""
    return [path for word in asked for path in _expand_pattern(word)]


def _expand_pattern(word: str) -> list[Path]:
    # a folder's own name may hold what a pattern would read otherwise
    found = [word] if Path(word).exists() else sorted(glob(word))  # noqa: PTH207
    return [Path(path) for path in found if Path(path).is_dir()]


def _keep_comparable(found: RunCollection, convention: str) -> RunCollection:
    kept, problems = list[Run](), list(found.problems)
    for run in found.runs:
        if problem := _describe_damage(run) or _describe_lack(run, convention):
            problems.append(problem)
        else:
            kept.append(run)
    rest = RunCollection(kept, found.unfinished, problems)
    if not kept:
        raise FlmrcmError(
            "\n".join([*list_not_compared(rest), "There's no finished run to compare."])
        )
    return rest


def _describe_damage(run: Run) -> str:
    try:
        _ = run.name, run.seed, run.participants, run.accelerations, run.aligned_with
        _ = run.journal, run.described_metrics
    except FlmrcmError as error:
        return f"{error} {LEFT_OUT}"
    except KeyError as error:
        return f"{run.folder / CONFIG}: it lacks {error}. {LEFT_OUT}"
    except (AttributeError, TypeError, ValueError) as error:
        return f"{run.folder / CONFIG}: damaged ({describe_error(error)}). {LEFT_OUT}"
    return ""


def _describe_lack(run: Run, convention: str) -> str:
    held = sorted(set(run.scores["convention"]))
    if convention in held:
        return ""
    names = f"convention{'s' if len(held) > 1 else ''} {', '.join(held)}"
    return (
        f"{run.folder}: its scores hold the {names}, not {convention}. {LEFT_OUT} "
        f"--convention {held[0]} shows it."
    )


def list_not_compared(collection: RunCollection) -> list[str]:
    """Gives a line for each run that isn't finished, and for each problem."""
    unfinished = [f"{folder}: not finished: {how}" for folder, how in collection.unfinished.items()]
    return [*unfinished, *collection.problems]
