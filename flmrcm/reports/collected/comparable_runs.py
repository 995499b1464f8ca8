"""The runs that can be compared, below folders or matched by patterns, and why others can't."""

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

FolderProgress = Callable[[Sequence[Path]], Iterable[Path]]
"""Yields the same folders one by one; may show progress."""


def collect_comparable(
    patterns: Sequence[str], convention: str, progress: FolderProgress = iter
) -> RunCollection:
    """Return all runs below folders; each one that can't be compared is a line.

    A run that is found twice counts once.

    Args:
        patterns: folders, or patterns of folders such as `outputs/*/`.
        convention: that the runs' scores must hold.
        progress: yields the runs' folders while they are read.

    Raises:
        FlmrcmError: no run can be compared; one line for each reason.
    """
    problems = [
        f"{pattern}: there's no such folder."
        for pattern in patterns
        if not _expand_pattern(pattern)
    ]
    run_folders: dict[Path, Path] = {}
    for folder in match_folders(patterns):
        runs = {path.resolve(): path for path in find_run_folders(folder)}
        if not runs:
            problems.append(f"{folder}: no run below (a run's folder holds {CONFIG}).")
        run_folders.update(runs)
    parts = [collect_runs([folder]) for folder in progress(sorted(run_folders.values()))]
    collection = RunCollection(
        [run for part in parts for run in part.runs],
        {folder: text for part in parts for folder, text in part.unfinished.items()},
        [*problems, *(problem for part in parts for problem in part.problems)],
    )
    return _keep_comparable(collection, convention)


def match_folders(patterns: Sequence[str]) -> list[Path]:
    """Return the existing folders that match the patterns, pattern by pattern."""
    return [path for pattern in patterns for path in _expand_pattern(pattern)]


def _expand_pattern(pattern: str) -> list[Path]:
    # the name of a folder may itself hold brackets or stars
    exists = Path(pattern).exists()
    paths = [pattern] if exists else sorted(glob(pattern))  # noqa: PTH207
    return [Path(path) for path in paths if Path(path).is_dir()]


def _keep_comparable(collection: RunCollection, convention: str) -> RunCollection:
    comparable, problems = list[Run](), list(collection.problems)
    for run in collection.runs:
        if problem := _describe_damage(run) or _describe_other_convention(run, convention):
            problems.append(problem)
        else:
            comparable.append(run)
    rest = RunCollection(comparable, collection.unfinished, problems)
    if not comparable:
        raise FlmrcmError(
            "\n".join([*list_not_compared(rest), "There's no finished run to compare."])
        )
    return rest


def _describe_damage(run: Run) -> str:
    """Return which file of a run is damaged; an empty string where none is."""
    try:
        _ = run.name, run.seed, run.participants, run.accelerations, run.aligned_with
        _ = run.journal, run.described_metrics, run.tested_with.items()
        _ = [dict(own)["steps"] + dict(own)["volumes"] for own in run.personal_training.values()]
        _ = run.environment.get("not_scored", {}).items(), run.fingerprints.items()
    except FlmrcmError as error:
        return f"{error} {LEFT_OUT}"
    except KeyError as error:
        return f"{run.folder / CONFIG}: it lacks {error}. {LEFT_OUT}"
    except (AttributeError, TypeError, ValueError) as error:
        return f"{run.folder / CONFIG}: damaged ({describe_error(error)}). {LEFT_OUT}"
    return ""


def _describe_other_convention(run: Run, convention: str) -> str:
    """Return which conventions a run has instead; an empty string where it has this one."""
    names = sorted(set(run.scores["convention"]))
    if convention in names:
        return ""
    words = f"convention{'s' if len(names) > 1 else ''} {', '.join(names)}"
    return (
        f"{run.folder}: its scores hold the {words}, not {convention}. {LEFT_OUT} "
        f"--convention {names[0]} shows it."
    )


def list_not_compared(collection: RunCollection) -> list[str]:
    """Return a line for each run that isn't finished, and for each problem."""
    unfinished = [
        f"{folder}: not finished: {progress}" for folder, progress in collection.unfinished.items()
    ]
    return [*unfinished, *collection.problems]
