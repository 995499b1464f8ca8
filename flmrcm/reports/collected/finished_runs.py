"""Finished runs as reports read them: config, scores, journal and environment of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.config.run_config import read_config
from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.federation.journal import Journal
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.score_files import read_environment, read_scores
from flmrcm.reports.metric_info import MetricInfo, read_metric_infos
from flmrcm.run_files import CONFIG, DONE, JOURNAL, SCORES
from flmrcm.tracking.run_info import describe_accelerations
from flmrcm.types import Measurement

LEFT_OUT = "The run is left out."
"""The end of the line about a damaged run."""

STEPS_METRIC, PERSONAL_STEPS = "steps", "personal_steps"
"""The journal's metric for a site's optimizer steps in a round."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: where its files are.
        config: resolved.
        scores: a row per score, with the columns `SCORE_COLUMNS`.
    """

    folder: Path
    config: Mapping[str, Any]
    scores: pd.DataFrame

    @property
    def name(self) -> str:
        """The name of its method in tables; of a checkpoint of others that of its file."""
        if "evaluate" in self.config:
            for tested in self.scores["method"].unique():
                if tested != ZERO_FILLED:
                    return str(tested)
        return self._config_name

    @property
    def _config_name(self) -> str:
        return str(self.config.get("method") or self.config["strategy"]["name"])

    @property
    def tested_split(self) -> str:
        """The split that its scores are of."""
        return str((self.config.get("evaluate") or {}).get("split", "test"))

    @property
    def tested_checkpoint(self) -> str | None:
        """What was tested: last | best, or the name of another file; None where it isn't known."""
        if "checkpoint" in (evaluation := self.config.get("evaluate") or {}):
            return Path(evaluation["checkpoint"]).stem
        return (self.config.get("test") or {}).get("checkpoint")

    def describe_settings(self) -> dict[str, Any]:
        """Return its config, with what was tested in the node `test`."""
        test = {"split": self.tested_split, "checkpoint": self.tested_checkpoint}
        if self.name != self._config_name:  # nothing else tells checkpoints of others apart
            test["checkpoint"] = str(self.config["evaluate"]["checkpoint"])
        return {**self.config, "test": {**(self.config.get("test") or {}), **test}}

    @property
    def seed(self) -> int:
        """The seed of its weights and of the order of its training slices."""
        return int(self.config.get("seed", 0))

    @property
    def scenario(self) -> str | None:
        """`unseen`, `participating`, or None where the run belongs to no scenario."""
        return self.config.get("scenario")

    @property
    def participants(self) -> list[str]:
        """The sites that trained."""
        return list(self.config.get("participants") or self.config.get("sites") or [])

    @property
    def aligned_with(self) -> str | None:
        """The site that the others' features were aligned with; None where there's none."""
        return self.environment.get("aligned_with")

    @property
    def tested_with(self) -> dict[str, str]:
        """With which weights each site was tested; empty where all weights were shared."""
        return self.environment.get("tested_with", {})

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of each site's data, of all splits; older runs don't record them."""
        return self.environment.get("site_fingerprints", {})

    @property
    def weights(self) -> dict[str, str]:
        """Whose weights its method was tested with at each site: global | personal."""
        ours = self.scores.loc[self.scores["method"] != ZERO_FILLED]
        return dict(zip(ours["site"], ours["weights"], strict=True))

    @property
    def personal_training(self) -> dict[str, dict[str, int]]:
        """What sites trained for themselves alone: `steps` and `volumes`, by site."""
        return self.environment.get("personal_training", {})

    @property
    def accelerations(self) -> str:
        """The accelerations of its mask: `4x`, `4x+8x`, or `own masks`."""
        return describe_accelerations(self.config["mask"])

    @cached_property
    def environment(self) -> dict[str, Any]:
        """See `read_environment`."""
        return read_environment(self.folder)

    @cached_property
    def journal(self) -> pd.DataFrame:
        """A row per measurement: round, split, site, metric, convention, value.

        Raises:
            DataLayoutError: a line of `journal.csv` is damaged.
        """
        rows = Journal(self.folder / JOURNAL).read()
        return pd.DataFrame(rows, columns=list(Measurement._fields))

    @cached_property
    def described_metrics(self) -> dict[str, MetricInfo]:
        """What `metrics.json` says about the metrics, by name; empty in older runs.

        Raises:
            DataLayoutError: the file is damaged.
        """
        return read_metric_infos(self.folder)

    @property
    def optimizer_steps(self) -> int:
        """The number of optimizer steps of all sites over all rounds."""
        return self._add_up(STEPS_METRIC)

    @property
    def personal_steps(self) -> int:
        """The number of those that sites took beside these, for weights of their own."""
        return self._add_up(PERSONAL_STEPS)

    def _add_up(self, metric: str) -> int:
        journal = self.journal
        rows = journal[(journal.split == "train") & (journal.metric == metric)]
        return int(sum(rows["value"]))


@dataclass(frozen=True)
class RunCollection:
    """The runs below some folders.

    Attributes:
        runs: the finished runs, sorted by folder.
        unfinished: the progress of each other run, by folder.
        problems: one line for each run that can't be read, and for each folder without runs.
    """

    runs: Sequence[Run]
    unfinished: Mapping[Path, str]
    problems: Sequence[str]


def collect_runs(folders: Sequence[Path]) -> RunCollection:
    """Return all runs at or below the folders; a run that is found twice counts once.

    Raises:
        FlmrcmError: there's no run at all.
    """
    run_folders = {path.resolve(): path for folder in folders for path in find_run_folders(folder)}
    runs: list[Run] = []
    unfinished, problems = dict[Path, str](), list[str]()
    for folder in sorted(run_folders.values()):
        if not (folder / DONE).exists():
            unfinished[folder] = _describe_progress(folder)
            continue
        try:
            runs.append(read_run(folder))
        except FlmrcmError as error:
            problems.append(f"{error} {LEFT_OUT}")
    if not run_folders:
        where = ", ".join(map(str, folders))
        raise FlmrcmError(f"{where}: no run below (a run's folder holds {CONFIG}).")
    return RunCollection(runs, unfinished, problems)


def read_run(folder: Path) -> Run:
    """Return one finished run.

    Raises:
        DataLayoutError: its config or scores are damaged.
    """
    config = read_config(folder)
    if "strategy" not in config:
        raise DataLayoutError(f"{folder / CONFIG}: not the config of a run (no strategy in it).")
    return Run(folder, config, read_scores(folder / SCORES))


def find_run_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs, at a folder or below it.

    Linked folders are searched, too; the folders inside a run's folder aren't.
    """
    if (folder / CONFIG).exists():
        yield folder
    elif folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                yield from find_run_folders(path)


def _describe_progress(folder: Path) -> str:
    """Return how many rounds a run has done, in words."""
    try:
        rounds = read_config(folder).get("rounds", "?")
        rows = Journal(folder / JOURNAL).read()
    except FlmrcmError as error:
        return f"damaged: {error}"
    done = max((row.round for row in rows), default=-1) + 1  # a fine-tuning counts as a round
    done = min(done, rounds) if isinstance(rounds, int) else done
    return f"{done} of {rounds} rounds, not tested yet"
