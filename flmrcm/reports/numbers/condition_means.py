"""One checkpoint tested under many conditions, or many checkpoints: mean scores by site."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.learning.records import PERSONAL
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.collected.labels import find_differing_keys, list_settings, shorten_value
from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.score_cells import average_groups
from flmrcm.tracking.run_info import DEFAULT_CONVENTION

_RUN_KEYS = ["run", "model"]
_SCORE_KEYS = ["method", "site", "metric", "convention", "weights"]
_MAX_SETTINGS = 4
_METRIC = metric_info("psnr")
"""The metric of the table in the terminal; the means hold all."""


def average_by_condition(runs: Sequence[Run]) -> pd.DataFrame:
    """Return means over volumes: run, model, a column per differing setting, method, site, ….

    `model` is the run's name in tables, `method` is that name or zero-filled, `weights` those
    tested: global, personal or none. The class of a mask has the column `mask`, that of a network
    `model.class`. `value` is the mean and `volumes` the number of volumes.
    """
    settings = {run.folder: run.describe_settings() for run in runs}
    configs = {folder: dict(list_settings(own)) for folder, own in settings.items()}
    keys = find_differing_keys(settings, ignored=["strategy"])[:_MAX_SETTINGS]
    frames = [
        run.scores.assign(
            run=run.folder.name,
            model=run.name,
            **{_name_column(key): shorten_value(configs[run.folder].get(key)) for key in keys},
        )
        for run in runs
    ]
    about = [*_RUN_KEYS, *map(_name_column, keys), *_SCORE_KEYS]
    grouped = pd.concat(frames).groupby(about, sort=False)["value"]
    table = pd.DataFrame({"value": average_groups(grouped), "volumes": grouped.size()})
    return table.reset_index()


def build_condition_table(means: pd.DataFrame, convention: str = DEFAULT_CONVENTION) -> Table:
    """Return the PSNR (dB) by condition and site, with that of zero-filled images below it.

    `P` marks scores of a site's own weights. Behind several sites stand the worst of them, with its
    name below, and the standard deviation over them (n − 1).
    """
    rows = means[(means["metric"] == _METRIC.name) & (means["convention"] == convention)]
    sites = list(dict.fromkeys(rows["site"]))
    keys = [name for name in means.columns if name not in (*_SCORE_KEYS, "value", "volumes")]
    title = f"{_METRIC.title} in {_METRIC.unit}, below it zero-filled"
    marks = "; P: a site's own weights" if PERSONAL in set(rows["weights"]) else ""
    table = Table(title=f"{title} ({convention}, mean over volumes{marks})")
    for key in keys:
        table.add_column(key.rsplit(".", 1)[-1], overflow="fold")
    for site in sites:
        table.add_column(site, justify="right")
    for name in ("worst", "sd") if len(sites) > 1 else ():
        table.add_column(name, justify="right")
    for _, own in rows.groupby("run", sort=False):
        settings = (str(own.iloc[0][key]).strip("[]").replace("'", "") for key in keys)
        scores = own.assign(zero_filled=own["method"] == ZERO_FILLED)
        values = scores.pivot(index="site", columns="zero_filled", values="value")
        personal = {*own["site"][own["weights"] == PERSONAL]}
        cells = [_format_cell(values, site, site in personal) for site in sites]
        table.add_row(*settings, *cells, *_format_summaries(values, sites))
    return table


def _name_column(key: str) -> str:
    name = key.removesuffix("._target_")
    return f"{name}.class" if name in _RUN_KEYS else name


def _format_cell(values: pd.DataFrame, site: str, personal: bool) -> str:
    if site not in values.index:
        return "–"
    own, start = (_METRIC.format(values.loc[site, zero_filled]) for zero_filled in (False, True))
    return f"{own}{' P' * personal}\n[dim]{start}{'  ' * personal}[/dim]"


def _format_summaries(values: pd.DataFrame, sites: Sequence[str]) -> list[str]:
    """Return the worst value above its site, and the spread above that of zero-filled images."""
    if len(sites) < 2:
        return []
    both: Any = values.reindex(columns=[False, True])  # the method, then zero-filled
    own, start = both[False], both[True]
    if len(own.dropna()) < len(sites):  # not tested everywhere, or a score isn't finite
        return ["–", "–"]
    spreads = [_METRIC.format(float(np.std(x, ddof=1))) for x in (own, start)]
    worst = f"{_METRIC.format(own.min())}\n[dim]{own.idxmin()}[/dim]"
    return [worst, f"{spreads[0]}\n[dim]{spreads[1]}[/dim]"]
