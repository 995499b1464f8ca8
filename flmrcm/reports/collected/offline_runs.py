"""Runs read back from what wandb wrote offline, where their own folders aren't at hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.learning.records import SCORE_COLUMNS
from flmrcm.reports.collected.runs import Collection, Run
from flmrcm.tracking.wandb_offline import OfflineRun, read_offline
from flmrcm.tracking.wandb_session import ENVIRONMENT, SCORES
from flmrcm.types import Row


@dataclass(frozen=True)
class WandbRun(Run):
    """A finished run whose journal and environment come from wandb too; it has no volumes.

    Attributes:
        told: what wandb was told.
    """

    told: OfflineRun

    @cached_property
    def environment(self) -> dict[str, Any]:
        """`environment.json` as it was when the run began."""
        return self.told.config.get(ENVIRONMENT, {})

    @cached_property
    def journal(self) -> pd.DataFrame:
        """The history of rounds: round, split, site, metric, convention, value."""
        return pd.DataFrame(self.told.rows(), columns=list(Row._fields))


def offline_folders(folder: Path) -> Iterator[Path]:
    """Gives a folder and those below it that hold wandb's offline runs; run folders' own not."""
    if any(folder.glob("run-*.wandb")):
        yield folder
    elif folder.is_dir() and not (folder / "config.yaml").exists():
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                yield from offline_folders(path)


def collect_offline(folder: Path) -> Collection:
    """Gives the run of one of wandb's offline folders; nothing where it's another kind of run."""
    try:
        told = read_offline(folder)
        if told.config and "strategy" not in told.config:
            return Collection([], {}, [])
        scores = told.table(SCORES)
        if scores is None:
            done = max((row.round for row in told.rows()), default=-1) + 1
            how_far = f"{done} of {told.config.get('rounds', '?')} rounds, not judged yet"
            return Collection([], {folder: how_far}, [])
        return Collection([_run(folder, told, scores)], {}, [])
    except FlmrcmError as error:
        return Collection([], {}, [str(error)])


def _run(folder: Path, told: OfflineRun, scores: pd.DataFrame) -> WandbRun:
    if tuple(scores.columns) != SCORE_COLUMNS or scores.empty:
        raise DataLayoutError(f"{folder}: its table of scores isn't one; it's left out.")
    config = {name: value for name, value in told.config.items() if name != ENVIRONMENT}
    return WandbRun(folder, config, scores, told)
