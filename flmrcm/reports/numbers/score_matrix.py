"""The site × method matrix: mean scores, and their spread over volumes and over seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pandas as pd

from flmrcm.learning.records import PERSONAL
from flmrcm.reports.collected.comparison import Comparison, Section
from flmrcm.reports.collected.labels import merge_notes
from flmrcm.reports.metric_info import MetricInfo
from flmrcm.reports.numbers.score_cells import (
    ALL_SITES,
    SITE_SPREAD,
    SUMMARIES,
    WORST_SITE,
    ScoreCell,
    ScoreCells,
    compute_cells,
    is_zero_filled,
    rank_cells,
    sort_methods,
)

_ROUNDING = 1e-3
"""By how much, relatively, scores of one image may differ between machines."""


@dataclass(frozen=True)
class ScoreMatrix:
    """One metric of one section.

    Attributes:
        section: of the comparison.
        metric: one of the section's.
        convention: of the metric.
        sites: in the order of the table, `SUMMARIES` last where there are several.
        methods: in the order of the table, zero-filled first.
        cells: by method and site; a method has no cell at sites where it wasn't tested.
        notes: one line each: why sites aren't ranked, which scores aren't finite, which weights
            gave them where some are private, and where volumes weren't scored.
        training: what a method's sites trained for themselves alone, by method and site: (steps,
            volumes); the largest of its runs.
    """

    section: str
    metric: MetricInfo
    convention: str
    sites: Sequence[str] = ()
    methods: Sequence[str] = ()
    cells: ScoreCells = field(default_factory=dict[tuple[str, str], ScoreCell])
    notes: Sequence[str] = ()
    training: Mapping[tuple[str, str], tuple[int, int]] = field(
        default_factory=dict[tuple[str, str], tuple[int, int]]
    )

    def build_frame(self) -> pd.DataFrame:
        """Return a row per cell: section, metric, convention, method, site, and its fields.

        Those of all sites also say the worst one and the spread, and those of personal weights
        what these took.
        """
        about = {
            "section": self.section,
            "metric": self.metric.name,
            "convention": self.convention,
        }
        rows = [
            {**about, "method": method, "site": site, **self._describe_cell(method, site)}
            for method in self.methods
            for site in self.sites
            if (method, site) in self.cells and site not in (WORST_SITE, SITE_SPREAD)
        ]
        return pd.DataFrame(rows)

    def _describe_cell(self, method: str, site: str) -> dict[str, Any]:
        fields = self.cells[method, site]._asdict()
        del fields["at"]
        steps, volumes = self.training.get((method, site), (None, None))
        more = {"worst": None, "worst_site": None, "sd_over_sites": None}
        if site == ALL_SITES:
            worst = self.cells.get((method, WORST_SITE))
            more = {
                "worst": worst and worst.mean,
                "worst_site": worst and worst.at,
                "sd_over_sites": self.cells[method, SITE_SPREAD].mean,
            }
        return {**fields, "personal_steps": steps, "personal_volumes": volumes, **more}


def build_score_matrix(section: Section, metric: MetricInfo, unranked: str = "") -> ScoreMatrix:
    """Return the matrix of a section's metric; `unranked` says why nothing is to be ranked."""
    comparison, rows = section.comparison, section.select_scores(metric.name)
    sites = comparison.sort_sites(rows["site"])
    cells = compute_cells(rows, sites, metric.higher_is_better)
    notes = [unranked] if unranked else []
    notes += [*_describe_unfinite(rows), *_describe_weights(comparison, rows)]
    notes += [*_describe_privacy(comparison, rows), *_describe_unscored(comparison, rows)]
    if not unranked:
        unlike = dict(_find_incomparable(comparison, rows))
        notes += [f"{site}: not ranked: {why}." for site, why in unlike.items()]
        rankable = [site for site in sites if site not in unlike]
        # where one site can't be ranked, the mean over all sites can't either
        rankable = rankable if unlike else [*rankable, ALL_SITES, WORST_SITE]
        cells = rank_cells(cells, rankable, metric.higher_is_better)
    columns = [*sites, *SUMMARIES] if len(sites) > 1 else sites
    methods = sort_methods(method for method, _ in cells)
    training = _collect_training(comparison, rows)
    return ScoreMatrix(
        section.title, metric, comparison.convention, columns, methods, cells, notes, training
    )


def _collect_training(
    comparison: Comparison, rows: pd.DataFrame
) -> dict[tuple[str, str], tuple[int, int]]:
    found: dict[tuple[str, str], tuple[int, int]] = {}
    own = rows.loc[rows["weights"] == PERSONAL, ["method", "run", "site"]].drop_duplicates()
    for method, run, site in own.itertuples(index=False):
        if trained := comparison.runs[run].personal_training.get(site):
            steps, volumes = found.get((method, site), (0, 0))
            found[method, site] = max(steps, trained["steps"]), max(volumes, trained["volumes"])
    return found


def _describe_unfinite(rows: pd.DataFrame) -> Iterator[str]:
    """Yield a line for each method with scores that aren't finite: where and how many."""
    for method in sort_methods(rows["method"][rows["value"].isna()]):
        own = rows.loc[rows["method"] == method]
        wrong = own.loc[own["value"].isna()]
        counts, of_all = wrong["site"].value_counts(sort=False), own["site"].value_counts()
        where = ", ".join(f"{site} ({count} of {of_all[site]})" for site, count in counts.items())
        yield (
            f"{method}: scores that aren't finite at {where}, so it has neither a mean nor a rank "
            f"there; see {wrong['run'].iloc[0]}."
        )


def _describe_weights(comparison: Comparison, rows: pd.DataFrame) -> Iterator[str]:
    """Yield, for each method with private weights, with which ones its sites were tested."""
    trained = rows.loc[~rows["method"].map(is_zero_filled), ["method", "run", "site"]]
    sites: dict[tuple[str, str], dict[str, None]] = {}
    for method, run, site in trained.drop_duplicates().itertuples(index=False):
        if weights := comparison.runs[run].tested_with.get(site):
            sites.setdefault((method, weights), {})[site] = None
    for (method, weights), where in sites.items():
        yield f"{method} at {', '.join(where)}: tested with {weights}."


def _describe_privacy(comparison: Comparison, rows: pd.DataFrame) -> Iterator[str]:
    """Yield, for each method whose training was private, what that spent at its sites."""
    methods = rows.loc[~rows["method"].map(is_zero_filled), ["method", "run"]].drop_duplicates()
    lines = [
        (f"{method} at {site}", f"{spent}.")
        for method, run in methods.itertuples(index=False)
        for site, spent in comparison.runs[run].environment.get("privacy", {}).items()
    ]
    yield from merge_notes(lines)


def _describe_unscored(comparison: Comparison, rows: pd.DataFrame) -> Iterator[str]:
    """Yield, for each site whose volumes lack targets, that they weren't scored."""
    runs = [comparison.runs[run] for run in rows["run"].unique()]
    lines = dict.fromkeys(
        line for run in runs for line in run.environment.get("not_scored", {}).items()
    )
    yield from merge_notes((site, f"{what}.") for site, what in lines)


def _find_incomparable(comparison: Comparison, rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the sites at which runs had different images or data, and the difference."""
    volumes: dict[str, dict[tuple[str, str], frozenset[str]]] = {}
    for key, of_run in rows.groupby(["site", "method", "run"])["volume"]:
        site, method, run = cast(tuple[str, str, str], key)
        volumes.setdefault(site, {})[method, run] = frozenset(of_run)
    changed, mixed = _find_changed_inputs(rows), _find_mixed_data(comparison, rows)
    for site, sets in volumes.items():
        starts = sort_methods(method for method, _ in sets if is_zero_filled(method))
        if len(starts) > 1:
            yield site, f"tested under different conditions: {' and '.join(starts)}"
        elif len(set(sets.values())) > 1:
            counts = " or ".join(map(str, sorted({len(names) for names in sets.values()})))
            yield site, f"tested on different volumes ({counts} of them)"
        elif site in changed:
            yield site, f"tested on other images or masks: {changed[site]} differs between runs"
        elif site in mixed:
            yield site, f"{mixed[site]}; compare runs on equal data apart"


def _find_mixed_data(comparison: Comparison, rows: pd.DataFrame) -> dict[str, str]:
    """Return, by site, the known fingerprints in which the data of its runs differ."""
    examples: dict[str, dict[str, str]] = {}
    for site, run in rows[["site", "run"]].drop_duplicates().itertuples(index=False):
        if known := comparison.runs[run].fingerprints.get(site):
            examples.setdefault(site, {}).setdefault(known, run)
    return {
        site: "its data differ in their fingerprint: "
        + " and ".join(f"{known} in {run}" for known, run in of_site.items())
        for site, of_site in examples.items()
        if len(of_site) > 1
    }


def _find_changed_inputs(rows: pd.DataFrame) -> dict[str, str]:
    """Return, by site, a volume whose zero-filled image hasn't the same score in all runs."""
    starts = rows.loc[rows["method"].map(is_zero_filled)]
    of_image: Any = starts.groupby(["site", "volume"])["value"]
    lowest, highest = of_image.min(), of_image.max()
    apart = highest - lowest > _ROUNDING * highest.abs()
    return {site: f"{volume}, zero-filled," for site, volume in reversed(apart.index[apart])}
