"""The cells of the site × method matrix: means, spreads and ranks."""

from collections.abc import Iterable, Sequence
from math import isnan
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from flmrcm.learning.metrics import ZERO_FILLED

ALL_SITES = "all sites"
"""A column of tables: the mean of the sites' means, so that each site counts once."""

WORST_SITE, SITE_SPREAD = "worst site", "sd over sites"
"""Two more: the worst of the sites' means, and their standard deviation (n − 1)."""

SUMMARIES = (ALL_SITES, WORST_SITE, SITE_SPREAD)
"""The columns behind those of the sites."""

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
        weights: global | personal | none, of what was tested; `global+personal` in a mean of both.
        at: in the column of the worst site, which one that is.
    """

    mean: float
    sd: float
    volumes: int
    seed_sd: float
    seeds: int
    rank: int = 0
    weights: str = ""
    at: str = ""


ScoreCells = dict[tuple[str, str], ScoreCell]
"""By method and site."""


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


def compute_cells(
    rows: pd.DataFrame, sites: Sequence[str], higher_is_better: bool | None = None
) -> ScoreCells:
    """Return the unranked cells by method and site.

    A method that was tested at every site, and at more than one, has the cells of `SUMMARIES`, too.

    Args:
        rows: of one metric and convention: method, site, volume, seed, value, weights.
        sites: the sites that `SUMMARIES` are of.
        higher_is_better: of the metric; None makes no site the worst.
    """
    by_seed = _average_by(_average_per_seed(rows), ["method", "site", "seed"]).unstack("seed")
    n_seeds: Any = rows.groupby(["method", "site"])["seed"].nunique()
    kinds: Any = rows.groupby(["method", "site"])["weights"].agg(_join_kinds)
    cells: ScoreCells = {}
    for key, values in average_per_volume(rows).groupby(["method", "site"]):
        method, site = cast(tuple[str, str], key)
        mean, sd = float(values.mean()), float(cast(float, values.std()))
        seed_sd = _compute_seed_spread(method, by_seed.loc[key].dropna())
        cell = ScoreCell(mean, sd, len(values), seed_sd, int(n_seeds[key]), weights=kinds[key])
        broken = values.isna().any()
        cells[method, site] = cell._replace(mean=NAN, sd=NAN, seed_sd=NAN) if broken else cell
    for method in sort_methods(method for method, _ in cells) if len(sites) > 1 else ():
        own = [cells[method, site]._replace(at=site) for site in sites if (method, site) in cells]
        if own and len(own) == len(sites):
            every = _average_sites(method, own, by_seed.loc[method])
            cells[method, ALL_SITES] = every
            spread = float(np.std([cell.mean for cell in own], ddof=1))
            cells[method, SITE_SPREAD] = every._replace(mean=spread, seed_sd=NAN)
            if higher_is_better is not None:
                cells[method, WORST_SITE] = _find_worst(own, higher_is_better)
    return cells


def _find_worst(own: Sequence[ScoreCell], higher_is_better: bool) -> ScoreCell:
    """Return the worst of a method's cells; one that isn't finite is worse than any."""
    sign = 1 if higher_is_better else -1
    return min(own, key=lambda cell: (not isnan(cell.mean), sign * cell.mean))


def _join_kinds(kinds: Iterable[str]) -> str:
    return "+".join(sorted({part for kind in kinds for part in kind.split("+")}))


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
    weights = _join_kinds(cell.weights for cell in own)
    spread = NAN if isnan(mean) else _compute_seed_spread(method, seeds)
    return ScoreCell(mean, NAN, n_volumes, spread, len(seeds), weights=weights)


def rank_cells(
    cells: ScoreCells, sites: Iterable[str], higher_is_better: bool | None
) -> ScoreCells:
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


def _compute_seed_spread(method: str, means: Any) -> float:
    return NAN if is_zero_filled(method) else float(means.std())
