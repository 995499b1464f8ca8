"""Runs read back from what wandb wrote offline, where their own folders aren't at hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.learning.records import SCORE_COLUMNS
from flmrcm.reports.collected.finished_runs import Run, RunCollection
from flmrcm.tracking.wandb_offline import OfflineRun, read_offline_run
from flmrcm.tracking.wandb_session import ENVIRONMENT_KEY, SCORES_KEY
from flmrcm.types import Measurement


@dataclass(frozen=True)
class WandbRun(Run):
    """A finished run whose journal and environment come from wandb too; it has no volumes.

    Attributes:
        told: what wandb was told.
    """

    offline_run: OfflineRun

    @cached_property
    def environment(self) -> dict[str, Any]:
        """`environment.json` as it was when the run began."""
        return self.offline_run.config.get(ENVIRONMENT_KEY, {})

    @cached_property
    def journal(self) -> pd.DataFrame:
        """The history of rounds: round, split, site, metric, convention, value."""
        return pd.DataFrame(self.offline_run.list_measurements(), columns=list(Measurement._fields))


def find_offline_folders(folder: Path) -> Iterator[Path]:
    """Gives a folder and those below it that hold wandb's offline runs; run folders' own not."""
    if any(folder.glob("run-*.wandb")):
        yield folder
    elif folder.is_dir() and not (folder / "config.yaml").exists():
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                yield from find_offline_folders(path)


def collect_offline_run(folder: Path) -> RunCollection:
    """Gives the run of one of wandb's offline folders; nothing where it's another kind of run."""
    try:
        told = read_offline_run(folder)
        if told.config and "strategy" not in told.config:
            return RunCollection([], {}, [])
        scores = told.read_table(SCORES_KEY)
        if scores is None:
            done = max((row.round for row in told.list_measurements()), default=-1) + 1
            how_far = f"{done} of {told.config.get('rounds', '?')} rounds, not judged yet"
            return RunCollection([], {folder: how_far}, [])
        return RunCollection([_build_run(folder, told, scores)], {}, [])
    except FlmrcmError as error:
        return RunCollection([], {}, [str(error)])


def _build_run(folder: Path, told: OfflineRun, scores: pd.DataFrame) -> WandbRun:
    if tuple(scores.columns) != SCORE_COLUMNS or scores.empty:
        raise DataLayoutError(f"{folder}: its table of scores isn't one; it's left out.")
    config = {name: value for name, value in told.config.items() if name != ENVIRONMENT_KEY}
    return WandbRun(folder, config, scores, told)
