"""What can be compared: runs below folders, or matched by patterns, or read back from wandb."""

from collections.abc import Callable, Iterable, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from flmrcm.errors import FlmrcmError
from flmrcm.reports.attempt import describe_error
from flmrcm.reports.collected.finished_runs import (
    LEFT_OUT,
    Run,
    RunCollection,
    collect_runs,
    find_run_folders,
)
from flmrcm.reports.collected.offline_runs import (
    WandbRun,
    collect_offline_run,
    find_offline_folders,
)

FolderWatch = Callable[[Sequence[Path]], Iterable[Path]]
"""Gives the folders back one by one; may show how far it got."""


def collect_comparable(
    asked: Sequence[str], convention: str, watch: FolderWatch = iter
) -> RunCollection:
    """Gives all runs below what was asked for; what can't be compared becomes a line.

    A run found twice counts once, also where wandb's files of it lie beside its folder.

    Args:
        asked: folders, patterns such as `outputs/*/`, or wandb's `offline-run-…` folders.
        convention: that runs' scores must hold.
        watch: looks on while runs are read.

    Raises:
        FlmrcmError: no run can be compared; one line for each reason.
    """
    problems = [f"{word}: there's no such folder." for word in asked if not _expand_pattern(word)]
    own, told = dict[Path, Path](), dict[Path, Path]()
    for folder in match_folders(asked):
        runs = {path.resolve(): path for path in find_run_folders(folder)}
        offline = {path.resolve(): path for path in find_offline_folders(folder)}
        if not runs and not offline:
            problems.append(f"{folder}: no run below (a run's folder holds config.yaml).")
        own.update(runs)
        told.update(offline)
    parts = [
        collect_runs([folder]) if folder.resolve() in own else collect_offline_run(folder)
        for folder in watch([*sorted(own.values()), *sorted(told.values())])
    ]
    return _keep_comparable(
        _join_collections([RunCollection([], {}, problems), *parts]), convention
    )


def match_folders(asked: Sequence[str]) -> list[Path]:
    """Gives the folders that are there, patterns spelled out."""
    return [path for word in asked for path in _expand_pattern(word)]


def _expand_pattern(word: str) -> list[Path]:
    # a folder's own name may hold what a pattern would read otherwise
    found = [word] if Path(word).exists() else sorted(glob(word))  # noqa: PTH207
    return [Path(path) for path in found if Path(path).is_dir()]


def _join_collections(parts: Sequence[RunCollection]) -> RunCollection:
    runs = [run for part in parts for run in part.runs]
    own = {_identify_run(run) for run in runs if not isinstance(run, WandbRun)}
    once = [run for run in runs if not (isinstance(run, WandbRun) and _identify_run(run) in own)]
    unfinished = {folder: text for part in parts for folder, text in part.unfinished.items()}
    return RunCollection(once, unfinished, [line for part in parts for line in part.problems])


def _identify_run(run: Run) -> tuple[Any, str]:
    """The same for a run's folder and for what wandb was told of it."""
    own = run.offline_run.name if isinstance(run, WandbRun) else run.folder.name
    return run.config.get("name"), own


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
        _ = run.name, run.seed, run.participants, run.accelerations, run.journal, run.aligned_with
    except FlmrcmError as error:
        return f"{error} {LEFT_OUT}"
    except KeyError as error:
        return f"{run.folder / 'config.yaml'}: it lacks {error}. {LEFT_OUT}"
    except (AttributeError, TypeError, ValueError) as error:
        return f"{run.folder / 'config.yaml'}: damaged ({describe_error(error)}). {LEFT_OUT}"
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
