"""Several runs as one long table; each row has its section and the label of its method."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from flmrcm.errors import FlmrcmError
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run, RunCollection
from flmrcm.reports.collected.labels import (
    describe_differences,
    format_label,
    tell_data,
    tell_participants,
    tell_weights,
)
from flmrcm.reports.metric_info import MetricInfo, merge_infos, metric_info, sort_metrics
from flmrcm.tracking.run_info import DEFAULT_CONVENTION

UNSEEN, PARTICIPATING = "unseen", "participating"
SCENARIO_TITLES = {
    UNSEEN: "unseen target: the tested site took no part in training",
    PARTICIPATING: "participating target: the tested site took part in training",
}
TEST_KEYS = ("mask", "sites", "data", "contrast", "coils", "test")
"""Top-level keys that change what a run is tested on, not only how it was trained."""

_SCENARIO_KEYS = ("target", "participants")
_TESTED = ("test.checkpoint",)
"""What was tested, and not on what."""
_RATE_KEYS = ("mask.accelerations", "mask.center_fractions")


@dataclass(frozen=True)
class Comparison:
    """Several runs in one table.

    Attributes:
        collection: the runs, also those that can't be compared.
        convention: of the tables; `results` holds all conventions.
        results: a row per score: section, method, name, run, seed, site, volume, metric,
            convention, value, slices, weights. `method` is unique for equal settings within its
            section (`FL-MR (local.epochs=1)`), and at a site all its rows are of one kind of
            weights; `name` is the method alone; `run` is the folder as typed. Each run has its
            own zero-filled rows.
    """

    collection: RunCollection
    convention: str
    results: pd.DataFrame

    @property
    def runs(self) -> Mapping[str, Run]:
        """The finished runs, by the word in the column `run` of the results."""
        return {str(run.folder): run for run in self.collection.runs}

    @property
    def sections(self) -> list["Section"]:
        """The sections: one for each scenario and each acceleration."""
        return [Section(self, title) for title in list_distinct(self.results, "section")]

    @cached_property
    def described_metrics(self) -> dict[str, MetricInfo]:
        """What the runs say about their metrics, by name."""
        return merge_infos(run.described_metrics for run in self.collection.runs)

    def sort_sites(self, sites: Iterable[str]) -> list[str]:
        """Return each site once, in the order of tables: those that trained, then the others."""
        trained = {site for run in self.collection.runs for site in run.participants}
        return sorted(set(sites), key=lambda site: (site not in trained, site))


@dataclass(frozen=True)
class Section:
    """A part of a comparison: methods are compared with each other within a section only.

    Attributes:
        comparison: that it's a part of.
        title: as in the column `section` of its results.
    """

    comparison: Comparison
    title: str

    @property
    def rows(self) -> pd.DataFrame:
        """Its rows of the comparison's results."""
        return select_rows(self.comparison.results, section=self.title)

    def list_metrics(self) -> list[MetricInfo]:
        """Return the metrics of its scores, in the order of tables.

        These are the metrics under the comparison's convention, or all of its metrics where it has
        no scores under that convention.
        """
        rows = self.rows
        in_convention = select_rows(rows, convention=self.comparison.convention)
        names = sort_metrics((rows if in_convention.empty else in_convention)["metric"])
        return [metric_info(name, self.comparison.described_metrics) for name in names]

    def list_sites(self) -> list[str]:
        """Return its sites, in the order of tables."""
        return self.comparison.sort_sites(self.rows["site"])

    def select_scores(self, metric: str | None = None) -> pd.DataFrame:
        """Return its rows under the comparison's convention, of one metric or of all."""
        rows = select_rows(self.rows, convention=self.comparison.convention)
        return rows if metric is None else select_rows(rows, metric=metric)


def compare_runs(
    collection: RunCollection, convention: str = DEFAULT_CONVENTION, joined: bool = False
) -> Comparison:
    """Return finished runs as one table.

    Runs of a scenario have a section for each scenario: in `unseen` only sites that took no part
    in training count, in `participating` only sites that took part. A method that aligns sites
    with a target counts at its target alone. All other runs share one section.

    Args:
        collection: of the runs.
        convention: of the tables.
        joined: whether accelerations share a section, where a label then joins runs that differ in
            the acceleration and what follows from it; else each has its own.

    Raises:
        FlmrcmError: none of the runs is finished.
    """
    if not collection.runs:
        raise FlmrcmError("none of the runs is finished; there's nothing to compare yet.")
    scenarios = sorted({run.scenario for run in collection.runs if run.scenario}, reverse=True)
    rates = {run.accelerations for run in collection.runs}
    groups = [rates] if joined else [{rate} for rate in sorted(rates, key=_parse_rates)]
    frames: list[pd.DataFrame] = []
    for scenario in scenarios or [""]:
        for group in groups:
            runs = [run for run in collection.runs if run.accelerations in group]
            runs = [run for run in runs if run.scenario in (scenario or None, None)]
            titles = [SCENARIO_TITLES.get(scenario, scenario), *(group if len(groups) > 1 else ())]
            title = ", ".join(filter(None, titles)) or "all runs"
            frames += [frame.assign(section=title) for frame in _label_scores(runs, scenario)]
    return Comparison(collection, convention, pd.concat(frames, ignore_index=True))


def select_rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows with these values, as in `select_rows(table, metric="psnr", site="ixi")`."""
    wanted = pd.Series(data=True, index=table.index)
    for column, value in values.items():
        wanted &= table[column] == value
    return cast(pd.DataFrame, table[wanted])


def list_distinct(table: pd.DataFrame, column: str) -> list[Any]:
    """Return each value of a column once, in the order of the rows."""
    return table[column].unique().tolist()


def _label_scores(runs: Sequence[Run], scenario: str) -> list[pd.DataFrame]:
    """Return the scores of each run, with the labels of its methods, its folder and its seed."""
    configs = {run.folder: run.describe_settings() for run in runs}
    rate_keys = _list_rate_keys(runs)
    test_differences = describe_differences(configs, TEST_KEYS, (*_TESTED, *rate_keys))
    names = {run.folder: _name_run(run, scenario) for run in runs}
    differences = dict[Path, str]()
    for name in set(names.values()):
        same_name = {folder: configs[folder] for folder in names if names[folder] == name}
        ignored = (*rate_keys, *(_SCENARIO_KEYS if scenario else ()))
        differences |= describe_differences(same_name, ignored=ignored)
    shown_at = {run.folder: _find_counting_sites(run, scenario) for run in runs}
    for tell in (
        partial(tell_data, {run.folder: _find_prints(run, shown_at[run.folder]) for run in runs}),
        partial(tell_participants, {run.folder: run.participants for run in runs}, shown_at),
        partial(tell_weights, {run.folder: run.weights for run in runs}),
    ):
        own = tell({run: format_label(names[run], text) for run, text in differences.items()})
        differences = {run: ", ".join(filter(None, (differences[run], own[run]))) for run in own}
    frames: list[pd.DataFrame] = []
    for run in runs:
        name, folder = names[run.folder], run.folder
        inputs = run.scores["method"] == ZERO_FILLED
        labels = (
            format_label(ZERO_FILLED, test_differences[folder]),
            format_label(name, differences[folder]),
        )
        scores = run.scores.assign(
            method=np.where(inputs, *labels),
            name=np.where(inputs, ZERO_FILLED, name),
            run=str(folder),
            seed=run.seed,
        )
        frames.append(scores.loc[scores["site"].isin(sorted(shown_at[folder]))])
    return frames


def _name_run(run: Run, scenario: str) -> str:
    """Return the name of a run's method; trained at one site only, it's `cross from SITE`."""
    alone = len(run.participants) == 1 and not run.config.get("pooled")
    return f"cross from {run.participants[0]}" if alone and scenario == UNSEEN else run.name


def _find_counting_sites(run: Run, scenario: str) -> set[str]:
    """Return the sites at which a run counts in a scenario."""
    sites = set(run.scores["site"])
    if not scenario:
        return sites
    trained = sites & set(run.participants)
    counting = sites - trained if scenario == UNSEEN else trained
    return counting & {run.aligned_with} if run.aligned_with else counting


def _find_prints(run: Run, shown_at: set[str]) -> dict[str, str]:
    """Return the fingerprints of the sites that trained or at which a run is shown.

    The acceleration stands in their names: with it the fingerprints of the same volumes change.
    """
    counting = shown_at | set(run.participants)
    return {
        f"{site} at {run.accelerations}": value
        for site, value in run.fingerprints.items()
        if site in counting
    }


def _list_rate_keys(runs: Sequence[Run]) -> Sequence[str]:
    """Return the keys that change with runs' acceleration: its centre, where each has one."""
    centers = {(run.accelerations, str(run.config["mask"].get("center_fractions"))) for run in runs}
    rates = {rate for rate, _ in centers}
    return () if len(rates) < 2 else _RATE_KEYS[: 1 + (len(centers) == len(rates))]


def _parse_rates(accelerations: str) -> list[float]:
    """Return accelerations as numbers, so that `4x` is sorted before `16x`; none come first."""
    rates = re.fullmatch(r"[\d.]+x(\+[\d.]+x)*", accelerations) and accelerations.split("+")
    return [float(rate.removesuffix("x")) for rate in rates or ()]
