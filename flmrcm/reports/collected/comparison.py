"""Runs laid side by side: one long table in which every row knows its section and its method."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from flmrcm.errors import FlmrcmError
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run, RunCollection
from flmrcm.reports.collected.labels import describe_differences, format_label
from flmrcm.reports.metric_info import MetricInfo, merge_infos, metric_info, sort_metrics
from flmrcm.tracking.run_info import DEFAULT_CONVENTION

UNSEEN, PARTICIPATING = "unseen", "participating"
SCENARIO_TITLES = {
    UNSEEN: "unseen target: the judged site took no part in training",
    PARTICIPATING: "participating target: the judged site took part in training",
}
TEST_KEYS = ("mask", "sites", "data", "contrast", "coils")
"""Top-level keys that change what a run is judged on, not only how it was trained."""

_SCENARIO_KEYS = ("target", "participants", "pooled")


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        collection: the runs, also those that can't be compared.
        convention: of the tables; `results` holds all.
        results: section, method, name, run, seed, site, volume, metric, convention, value, slices.
            `method` is told apart within its section (`FL-MR (local.epochs=1)`), `name` isn't;
            `run` is the folder as given. Zero-filled rows come once per run.
    """

    collection: RunCollection
    convention: str
    results: pd.DataFrame

    @property
    def runs(self) -> Mapping[str, Run]:
        """The finished runs by `run` of the results."""
        return {str(run.folder): run for run in self.collection.runs}

    @property
    def sections(self) -> list[str]:
        """What is compared with each other: by scenario, and by acceleration where they differ."""
        return self.results["section"].unique().tolist()

    @cached_property
    def described_metrics(self) -> dict[str, MetricInfo]:
        """What the runs say about their metrics, by name."""
        return merge_infos(run.described_metrics for run in self.collection.runs)

    def list_metrics(self, section: str) -> list[MetricInfo]:
        """Return the metrics of a section's scores, in the order of tables.

        Those under the comparison's convention; where there are none, all of the section.
        """
        rows = self.results.loc[self.results["section"] == section]
        own = rows.loc[rows["convention"] == self.convention]
        names = sort_metrics((rows if own.empty else own)["metric"])
        return [metric_info(name, self.described_metrics) for name in names]

    def sort_sites(self, sites: Iterable[str]) -> list[str]:
        """Return sites in the order of tables: those that took part in training, then by name."""
        trained = {site for run in self.collection.runs for site in run.participants}
        return sorted(set(sites), key=lambda site: (site not in trained, site))

    def select_scores(self, section: str, metric: str | None = None) -> pd.DataFrame:
        """Return a section's rows under the comparison's convention, of one metric or of all."""
        rows = self.results
        wanted = (rows["section"] == section) & (rows["convention"] == self.convention)
        return rows.loc[wanted if metric is None else wanted & (rows["metric"] == metric)]


def compare_runs(collection: RunCollection, convention: str = DEFAULT_CONVENTION) -> Comparison:
    """Lays finished runs side by side.

    Runs that belong to scenarios are shown by scenario, each site in its role: `unseen` rows are
    of sites that took no part in training, `participating` ones of sites that did; a method that
    aligns sites with a target counts at its target alone. Other runs stand together.

    Raises:
        FlmrcmError: none of the runs is finished.
    """
    if not collection.runs:
        raise FlmrcmError("none of the runs is finished; there's nothing to compare yet.")
    scenarios = sorted({run.scenario for run in collection.runs if run.scenario}, reverse=True)
    rates = {run.accelerations for run in collection.runs}
    frames: list[pd.DataFrame] = []
    for scenario in scenarios or [""]:
        for rate in sorted(rates, key=_parse_rates):
            runs = [run for run in collection.runs if run.accelerations == rate]
            runs = [run for run in runs if run.scenario in (scenario or None, None)]
            titles = [SCENARIO_TITLES.get(scenario, scenario)] + ([rate] if len(rates) > 1 else [])
            title = ", ".join(filter(None, titles)) or "all runs"
            frames += [frame.assign(section=title) for frame in _label_scores(runs, scenario)]
    return Comparison(collection, convention, pd.concat(frames, ignore_index=True))


def _label_scores(runs: Sequence[Run], scenario: str) -> list[pd.DataFrame]:
    configs = {run.folder: run.config for run in runs}
    judged = describe_differences(configs, TEST_KEYS)
    names = {run.folder: _name_run(run, scenario) for run in runs}
    told_apart = dict[Path, str]()
    for name in set(names.values()):
        alike = {folder: configs[folder] for folder in names if names[folder] == name}
        told_apart |= describe_differences(alike, ignored=_SCENARIO_KEYS if scenario else ())
    frames: list[pd.DataFrame] = []
    for run in runs:
        name, folder = names[run.folder], run.folder
        inputs = run.scores["method"] == ZERO_FILLED
        labels = format_label(ZERO_FILLED, judged[folder]), format_label(name, told_apart[folder])
        scores = run.scores.assign(
            method=np.where(inputs, *labels),
            name=np.where(inputs, ZERO_FILLED, name),
            run=str(folder),
            seed=run.seed,
        )
        frames.append(scores.loc[scores["site"].isin(sorted(_find_counting_sites(run, scenario)))])
    return frames


def _name_run(run: Run, scenario: str) -> str:
    """A site trained alone is another site's `cross`."""
    alone = len(run.participants) == 1 and not run.config.get("pooled")
    return f"cross from {run.participants[0]}" if alone and scenario == UNSEEN else run.name


def _find_counting_sites(run: Run, scenario: str) -> set[str]:
    """The sites at which a run counts in a scenario."""
    sites = set(run.scores["site"])
    if not scenario:
        return sites
    trained = sites & set(run.participants)
    in_role = sites - trained if scenario == UNSEEN else trained
    return in_role & {run.aligned_with} if run.aligned_with else in_role


def _parse_rates(accelerations: str) -> list[float]:
    """Orders `4x` before `16x`."""
    return [float(rate.removesuffix("x")) for rate in accelerations.split("+")]
