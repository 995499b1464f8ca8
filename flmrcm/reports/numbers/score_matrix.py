"""The site × method matrix: mean scores, and their spread over volumes and over seeds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.metric_info import MetricInfo

ALL_SITES = "all sites"
"""The last column: the mean of the sites' means, so that each site counts once."""

NAN = float("nan")
_SEED_KEYS = ["method", "site", "volume", "seed"]


class ScoreCell(NamedTuple):
    """One method at one site.

    Attributes:
        mean: over volumes, each averaged over its seeds. Where one of the scores isn't finite,
            this and both spreads are not-a-number.
        sd: standard deviation over volumes, each averaged over its seeds (n − 1); not-a-number for
            one volume.
        volumes: number of volumes.
        seed_sd: standard deviation of the seeds' means (n − 1); not-a-number for one seed, and for
            zero-filled images, which depend on no seed.
        seeds: number of seeds.
        rank: 1 for the best of the site, 2 for the second; 0 for all others.
    """

    mean: float
    sd: float
    volumes: int
    seed_sd: float
    seeds: int
    rank: int = 0


@dataclass(frozen=True)
class ScoreMatrix:
    """One metric of one section.

    Attributes:
        section: of the comparison.
        metric: one of the section's.
        convention: of the metric.
        sites: in the order of the table, `ALL_SITES` last where there are several.
        methods: in the order of the table, zero-filled first.
        cells: by method and site; a method has no cell at sites where it wasn't tested.
        notes: one line each: why sites aren't ranked, and which scores aren't finite.
    """

    section: str
    metric: MetricInfo
    convention: str
    sites: Sequence[str]
    methods: Sequence[str]
    cells: Mapping[tuple[str, str], ScoreCell]
    notes: Sequence[str] = ()

    def build_frame(self) -> pd.DataFrame:
        """Return a row per cell: section, metric, convention, method, site, and its fields."""
        keys = ("section", "metric", "convention")
        about = dict(zip(keys, (self.section, self.metric.name, self.convention), strict=True))
        rows = [
            {**about, "method": method, "site": site, **self.cells[method, site]._asdict()}
            for method in self.methods
            for site in self.sites
            if (method, site) in self.cells
        ]
        return pd.DataFrame(rows)


def build_score_matrix(
    comparison: Comparison, section: str, metric: MetricInfo, unranked: str = ""
) -> ScoreMatrix:
    """Return the matrix of one metric and section of a comparison.

    Args:
        comparison: of runs.
        section: one of its sections.
        metric: one of the section's.
        unranked: why nothing is ranked; empty where the methods are ranked.
    """
    rows = comparison.select_scores(section, metric.name)
    sites = comparison.sort_sites(rows["site"])
    cells, notes = compute_cells(rows, sites), [unranked] if unranked else []
    notes += _describe_unfinite(rows)
    if not unranked:
        unlike = dict(_find_incomparable(rows))
        notes += [f"{site}: not ranked: {why}." for site, why in unlike.items()]
        rankable = [site for site in sites if site not in unlike]
        # where one site can't be ranked, the mean over all sites can't either
        rankable = rankable if unlike else [*rankable, ALL_SITES]
        cells = rank_cells(cells, rankable, metric.higher_is_better)
    columns = [*sites, ALL_SITES] if len(sites) > 1 else sites
    methods = sort_methods(method for method, _ in cells)
    return ScoreMatrix(section, metric, comparison.convention, columns, methods, cells, notes)


def explain_missing_matrix(
    comparison: Comparison, section: str, metric: MetricInfo, why: str
) -> ScoreMatrix:
    """Return a matrix without cells, with the reason."""
    return ScoreMatrix(section, metric, comparison.convention, [], [], {}, [why])


def average_per_volume(rows: pd.DataFrame) -> pd.Series:
    """Return the values of volumes, averaged over seeds, by method, site and volume.

    Several runs of one seed are averaged first, so that each seed counts once.

    Args:
        rows: of one metric and convention: method, site, volume, seed, value.
    """
    return _average_by(_average_per_seed(rows), ["method", "site", "volume"])


def average_groups(groups: Any) -> Any:
    """Return the mean of each group of a grouped series; not-a-number where one of its values is.

    Pandas alone would skip such values and return the mean of the others.
    """
    return groups.mean().where(groups.count() == groups.size())


def compute_cells(rows: pd.DataFrame, sites: Sequence[str]) -> dict[tuple[str, str], ScoreCell]:
    """Return the unranked cells by method and site.

    A method that was tested at every site has a cell of `ALL_SITES`, too.

    Args:
        rows: of one metric and convention: method, site, volume, seed, value.
        sites: the sites that `ALL_SITES` is the mean of.
    """
    by_seed = _average_by(_average_per_seed(rows), ["method", "site", "seed"]).unstack("seed")
    n_seeds: Any = rows.groupby(["method", "site"])["seed"].nunique()
    cells: dict[tuple[str, str], ScoreCell] = {}
    for key, values in average_per_volume(rows).groupby(["method", "site"]):
        method, site = cast(tuple[str, str], key)
        mean, sd = float(values.mean()), float(cast(float, values.std()))
        seed_sd = NAN if is_zero_filled(method) else float(by_seed.loc[key].dropna().std())
        cell = ScoreCell(mean, sd, len(values), seed_sd, int(n_seeds[key]))
        broken = values.isna().any()
        cells[method, site] = cell._replace(mean=NAN, sd=NAN, seed_sd=NAN) if broken else cell
    for method in sort_methods(method for method, _ in cells) if len(sites) > 1 else ():
        own = [cells[method, site] for site in sites if (method, site) in cells]
        if own and len(own) == len(sites):
            cells[method, ALL_SITES] = _average_sites(method, own, by_seed.loc[method])
    return cells


def _average_sites(method: str, own: Sequence[ScoreCell], by_seed: pd.DataFrame) -> ScoreCell:
    """Return the cell of all sites; each site counts once.

    Args:
        method: its name.
        own: its cells, one for each site.
        by_seed: its means, (site, seed).
    """
    mean, n_volumes = float(np.mean([cell.mean for cell in own])), sum(c.volumes for c in own)
    # only seeds that ran for every site give a mean over all of them
    seeds = by_seed.dropna(axis=1).mean()
    seed_sd = NAN if is_zero_filled(method) else float(cast(float, seeds.std()))
    return ScoreCell(mean, NAN, n_volumes, seed_sd, len(seeds))


def rank_cells(
    cells: Mapping[tuple[str, str], ScoreCell], sites: Iterable[str], higher_is_better: bool | None
) -> dict[tuple[str, str], ScoreCell]:
    """Return the cells with the rank of the best and of the second of each site.

    Methods with equal means share a rank; a site with one method has no ranks.

    Args:
        cells: by method and site.
        sites: to rank.
        higher_is_better: of the metric; None ranks nothing.
    """
    ranked = dict(cells)
    if higher_is_better is None:
        return ranked
    find_best = max if higher_is_better else min
    for site in sites:
        means = {
            key: cell.mean for key, cell in cells.items() if key[1] == site and not isnan(cell.mean)
        }
        if len(means) < 2:
            continue
        best = find_best(means.values())
        others = [mean for mean in means.values() if mean != best]
        second = find_best(others) if others else NAN
        for key, mean in means.items():
            rank = 1 if mean == best else 2 if mean == second else 0
            ranked[key] = cells[key]._replace(rank=rank)
    return ranked


def sort_methods(methods: Iterable[str]) -> list[str]:
    """Return each method once, in the order of tables: zero-filled first, then by name."""
    return sorted(set(methods), key=lambda name: (not is_zero_filled(name), name.casefold(), name))


def is_zero_filled(method: str) -> bool:
    """Return whether a row is about zero-filled images and not about a method."""
    return method.startswith(ZERO_FILLED)


def _average_per_seed(rows: pd.DataFrame) -> pd.Series:
    return _average_by(rows.set_index(_SEED_KEYS)["value"], _SEED_KEYS)


def _average_by(values: Any, keys: list[str]) -> Any:
    return average_groups(values.groupby(keys))


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


def _find_incomparable(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the sites at which methods were tested on different images, and the difference."""
    volumes: dict[str, dict[str, frozenset[str]]] = {}
    for key, of_method in rows.groupby(["site", "method"])["volume"]:
        site, method = cast(tuple[str, str], key)
        volumes.setdefault(site, {})[method] = frozenset(of_method)
    for site, sets in volumes.items():
        starts = [method for method in sets if is_zero_filled(method)]
        if len(starts) > 1:
            yield site, f"tested under different conditions: {' and '.join(starts)}"
        elif len(set(sets.values())) > 1:
            counts = " or ".join(map(str, sorted({len(names) for names in sets.values()})))
            yield site, f"tested on different volumes ({counts} of them)"
