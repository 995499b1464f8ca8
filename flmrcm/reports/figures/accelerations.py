"""PSNR and SSIM against acceleration, where runs differ in it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.page import Outcome, Page
from flmrcm.reports.figures.selection import distinct, where
from flmrcm.reports.figures.series import LEAST, MEAN, MOST, spread
from flmrcm.reports.figures.style import (
    HEADS,
    Look,
    grid,
    leave_empty,
    legend,
    looks,
    name_columns,
    styled,
)

METRICS = ("psnr", "ssim")

_WHAT = "Scores by acceleration"
_HOW = (
    "Mean over volumes and a method's seeds, convention {convention}; bars: from the lowest to the "
    "highest seed. Accelerations as the masks were asked for; the axis is logarithmic."
)
_ONE = "All runs have one acceleration; flmrcm train -m 'mask.accelerations=[4],[8]' makes two."


def draw_accelerations(comparison: Comparison, folder: Path) -> list[Outcome]:
    """Draws one column per site, one row per score; one figure for each scenario."""
    rows = scores_by_rate(comparison)
    varied = [
        part
        for part in distinct(rows, "section")
        if len(set(where(rows, section=part)["rate"])) > 1
    ]
    drawn = [_draw(Page(comparison, part, folder), where(rows, section=part)) for part in varied]
    return drawn or [Page(comparison, "", folder).missing(_WHAT, _ONE)]


def scores_by_rate(comparison: Comparison) -> pd.DataFrame:
    """Gives the comparison's results with a column `rate`, the acceleration as a number.

    `section` loses its acceleration: `unseen target`, not `unseen target, 4x`. Runs whose masks
    have several accelerations are left out.
    """
    rates = {folder: _rate(run.accelerations) for folder, run in comparison.runs.items()}
    rows = where(comparison.results, convention=comparison.convention)
    rows = rows.assign(
        rate=[rates[run] for run in rows["run"]],
        section=rows["section"].str.replace(r"(^|, )[\d.]+x$", "", regex=True),
    )
    return rows.dropna(subset="rate")


def _rate(accelerations: str) -> float | None:
    return None if "+" in accelerations else float(accelerations.removesuffix("x"))


@styled
def _draw(page: Page, rows: pd.DataFrame) -> Outcome:
    sites, shown = sorted(set(rows["site"])), looks(page.comparison, rows["method"])
    figure, axes = grid(len(METRICS), len(sites), 2.1, 1.7)
    for line, metric in zip(axes, METRICS, strict=True):
        for axis, site in zip(line, sites, strict=True):
            _draw_lines(axis, where(rows, metric=metric, site=site), shown)
        line[0].set_ylabel(HEADS[metric])
    name_columns(axes, sites, "acceleration")
    legend(figure, shown)
    caption = _HOW.format(convention=page.comparison.convention)
    return page.drawn(figure, "accelerations", _WHAT, caption)


def _draw_lines(axis: Axes, rows: pd.DataFrame, shown: Mapping[str, Look]) -> None:
    if rows.empty:
        leave_empty(axis, "not judged")
        return
    lines = spread(rows, "rate")
    for method, look in shown.items():
        line = where(lines, method=method)
        ends = [line[MEAN] - line[LEAST], line[MOST] - line[MEAN]]
        axis.errorbar(
            line["rate"],
            line[MEAN],
            ends,
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            elinewidth=0.8,
            capsize=1.5,
        )
    rates = sorted(set(rows["rate"]))
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(rates))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([f"{rate:g}×" for rate in rates])
