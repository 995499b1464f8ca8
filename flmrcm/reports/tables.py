"""Tables of finished runs: methods by sites, from their `scores.csv`."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.table import Table

from flmrcm.learning.metrics import METRICS, ZERO_FILLED

BETTER = {"psnr": "higher", "ssim": "higher", "nmse": "lower"}
_DIGITS = {"psnr": 2, "ssim": 4, "nmse": 4}
_HEADS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "nmse": "NMSE"}


def read_score_file(path: Path) -> pd.DataFrame:
    """Gives one run's scores, its folder's name as `run`."""
    return pd.read_csv(path).assign(run=path.parent.name)


def method_by_site(scores: pd.DataFrame, metric: str, convention: str = "fastmri") -> pd.DataFrame:
    """Gives the mean over volumes, methods down, sites across, `zero-filled` first.

    A volume's value is averaged over the runs of a method first, so every volume counts once.

    Args:
        scores: as `read_scores` gives them.
        metric: psnr | ssim | nmse.
        convention: see `learning.metrics`.
    """
    rows = scores[(scores.metric == metric) & (scores.convention == convention)]
    keys = ["method", "site", "volume"]
    per_volume = rows.pivot_table("value", keys, aggfunc="mean", sort=False).reset_index()
    table = per_volume.pivot_table("value", "method", "site", aggfunc="mean", sort=False)
    order = sorted(table.index, key=lambda method: not str(method).startswith(ZERO_FILLED))
    return table.loc[order, list(dict.fromkeys(rows.site))]


def volumes_per_site(scores: pd.DataFrame) -> dict[str, int]:
    """Gives how many volumes each site was judged on."""
    return scores.groupby("site", sort=False)["volume"].nunique().to_dict()


def terminal_table(scores: pd.DataFrame, convention: str = "fastmri") -> Table:
    """Gives all three metrics as one table; the best of each site is bold."""
    counts = volumes_per_site(scores)
    table = Table(title=f"test scores, convention {convention}: mean over volumes")
    table.add_column("metric")
    table.add_column("method")
    for site in dict.fromkeys(scores.site):
        table.add_column(f"{site}\n{counts[site]} vol.", justify="right")
    for metric in METRICS:
        means = method_by_site(scores, metric, convention)
        for row, method in enumerate(means.index):
            cells = [_cell(means, metric, method, site) for site in means.columns]
            last = row == len(means) - 1
            table.add_row(_HEADS[metric] if row == 0 else "", method, *cells, end_section=last)
    return table


def markdown_table(scores: pd.DataFrame, convention: str = "fastmri") -> str:
    """Gives the same table as Markdown."""
    counts = volumes_per_site(scores)
    heads = ["metric", "method", *(f"{site} ({n})" for site, n in counts.items())]
    lines = [heads, ["---"] * 2 + ["---:"] * len(counts)]
    for metric in METRICS:
        means = method_by_site(scores, metric, convention)
        for method in means.index:
            cells = [_cell(means, metric, method, site, "**", "**") for site in counts]
            lines.append([_HEADS[metric], method, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(
    means: pd.DataFrame,
    metric: str,
    method: str,
    site: str,
    before: str = "[bold]",
    after: str = "[/bold]",
) -> str:
    value, column = means.loc[method, site], means[site]
    best = column.max() if BETTER[metric] == "higher" else column.min()
    text = "–" if pd.isna(value) else f"{value:.{_DIGITS[metric]}f}"
    return f"{before}{text}{after}" if value == best else text
