"""One model under many conditions, or many models: what was judged × sites, from their scores."""

from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.collected.labels import find_differing_keys, list_settings, shorten_value

_SCORE_KEYS = ["method", "site", "metric", "convention"]
_MAX_SETTINGS = 4


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
    return grouped.agg(value="mean", volumes="size").reset_index()


def build_condition_table(means: pd.DataFrame, convention: str = "fastmri") -> Table:
    """Gives PSNR (dB) by condition and site, zero-filled below it."""
    rows = means[(means["metric"] == "psnr") & (means["convention"] == convention)]
    sites = list(dict.fromkeys(rows["site"]))
    keys = [name for name in means.columns if name not in (*_SCORE_KEYS, "value", "volumes")]
    table = Table(title=f"PSNR in dB, below it zero-filled ({convention}, mean over volumes)")
    for key in keys:
        table.add_column(key.rsplit(".", 1)[-1])
    for site in sites:
        table.add_column(site, justify="right")
    for _, judged in rows.groupby("run", sort=False):
        told = (str(judged.iloc[0][key]).strip("[]").replace("'", "") for key in keys)
        scores = judged.assign(zero=judged["method"] == ZERO_FILLED)
        values = scores.pivot_table("value", "site", "zero", sort=False)
        table.add_row(*told, *(_format_cell(values, site) for site in sites))
    return table


def _format_cell(values: pd.DataFrame, site: str) -> str:
    if site not in values.index:
        return "–"
    return f"{values.loc[site, False]:.2f}\n[dim]{values.loc[site, True]:.2f}[/dim]"
