"""One model under many conditions, or many models: what was judged × sites, from their scores."""

from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.collected.labels import find_differing_keys, list_settings, shorten_value
from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.score_matrix import average_groups
from flmrcm.tracking.run_info import DEFAULT_CONVENTION

_SCORE_KEYS = ["method", "site", "metric", "convention"]
_MAX_SETTINGS = 4
_SHOWN = metric_info("psnr")


def average_by_condition(runs: Sequence[Run]) -> pd.DataFrame:
    """Gives means over volumes: run, model, a column per setting that differs, method, site, ….

    `model` is how tables call the run, `method` that or zero-filled; a mask's kind stands under
    `mask`. `value` is the mean, `volumes` their number.
    """
    configs = {run.folder: dict(list_settings(run.config)) for run in runs}
    told = find_differing_keys({run.folder: run.config for run in runs}, ignored=["strategy"])
    keys = told[:_MAX_SETTINGS]
    frames = [
        run.scores.assign(
            run=run.folder.name,
            model=run.name,
            **{
                key.removesuffix("._target_"): shorten_value(configs[run.folder].get(key))
                for key in keys
            },
        )
        for run in runs
    ]
    names = [key.removesuffix("._target_") for key in keys]
    grouped = pd.concat(frames).groupby(["run", "model", *names, *_SCORE_KEYS], sort=False)["value"]
    table = pd.DataFrame({"value": average_groups(grouped), "volumes": grouped.size()})
    return table.reset_index()


def build_condition_table(means: pd.DataFrame, convention: str = DEFAULT_CONVENTION) -> Table:
    """Gives PSNR (dB) by condition and site, zero-filled below it."""
    rows = means[(means["metric"] == _SHOWN.name) & (means["convention"] == convention)]
    sites = list(dict.fromkeys(rows["site"]))
    keys = [name for name in means.columns if name not in (*_SCORE_KEYS, "value", "volumes")]
    title = f"{_SHOWN.title} in {_SHOWN.unit}, below it zero-filled"
    table = Table(title=f"{title} ({convention}, mean over volumes)")
    for key in keys:
        table.add_column(key.rsplit(".", 1)[-1])
    for site in sites:
        table.add_column(site, justify="right")
    for _, judged in rows.groupby("run", sort=False):
        told = (str(judged.iloc[0][key]).strip("[]").replace("'", "") for key in keys)
        scores = judged.assign(zero=judged["method"] == ZERO_FILLED)
        values = scores.pivot(index="site", columns="zero", values="value")
        table.add_row(*told, *(_format_cell(values, site) for site in sites))
    return table


def _format_cell(values: pd.DataFrame, site: str) -> str:
    if site not in values.index:
        return "–"
    reached, start = (_SHOWN.format(values.loc[site, zero]) for zero in (False, True))
    return f"{reached}\n[dim]{start}[/dim]"
