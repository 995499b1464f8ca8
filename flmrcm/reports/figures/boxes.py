"""Box plots of the test scores over volumes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from flmrcm.learning.metrics import METRICS
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.page import Outcome, Page, pages
from flmrcm.reports.figures.selection import distinct, where
from flmrcm.reports.figures.series import sites_of
from flmrcm.reports.figures.style import HEADS, Look, grid, leave_empty, looks, styled, wrapped
from flmrcm.reports.numbers.matrix import per_volume

_WHAT = "Scores of single volumes"
_HOW = (
    "A point per volume, averaged over a method's seeds; convention {convention}. Boxes: "
    "quartiles and median; whiskers: to the farthest volume within 1.5 interquartile ranges."
)
_HEIGHT = 0.55  # of a box, in rows


def draw_boxes(comparison: Comparison, folder: Path) -> list[Outcome]:
    """Draws one column per site, one row per score; methods stand below each other."""
    return [_draw(page) for page in pages(comparison, folder)]


def volume_scores(comparison: Comparison, section: str, metric: str) -> pd.DataFrame:
    """Gives what the boxes show: method, site, volume, value."""
    return per_volume(comparison.of(section, metric)).reset_index(name="value")


@styled
def _draw(page: Page) -> Outcome:
    if page.comparison.of(page.section, METRICS[0]).empty:
        return page.missing(_WHAT, f"There are no scores under {page.comparison.convention}.")
    sites = sites_of(page.comparison, page.section)
    tables = {metric: volume_scores(page.comparison, page.section, metric) for metric in METRICS}
    shown = looks(page.comparison, tables[METRICS[0]]["method"])
    names = [wrapped(method) for method in shown]
    row = max(0.27, *(0.125 * (name.count("\n") + 1) for name in names))
    figure, axes = grid(len(METRICS), len(sites), 2.1, 0.5 + row * len(shown))
    for line, (metric, table) in zip(axes, tables.items(), strict=True):
        for axis, site in zip(line, sites, strict=True):
            _draw_boxes(axis, where(table, site=site), shown)
            axis.set_xlabel(HEADS[metric])
        line[0].set_yticks(range(len(shown)), names)
    for axis, site in zip(axes[0], sites, strict=True):
        count = len(distinct(where(tables[METRICS[0]], site=site), "volume"))
        axis.set_title(f"{wrapped(site)}\n{count} {'volume' if count == 1 else 'volumes'}")
    caption = _HOW.format(convention=page.comparison.convention)
    return page.drawn(figure, "boxes", _WHAT, caption)


def _draw_boxes(axis: Axes, table: pd.DataFrame, shown: Mapping[str, Look]) -> None:
    if table.empty:
        leave_empty(axis, "not judged")
    for place, (method, look) in enumerate(shown.items()):
        values = np.asarray(where(table, method=method)["value"])
        if not len(values):
            continue
        # spread by order, not by chance: two drawings of the same runs are alike
        heights = place + np.linspace(-0.35, 0.35, len(values)) * _HEIGHT
        ink = {"color": look.colour}
        axis.plot(values, heights, ls="", marker="o", ms=2.5, mew=0, alpha=0.5, c=look.colour)
        axis.boxplot(
            values,
            positions=[place],
            orientation="horizontal",
            widths=_HEIGHT,
            showfliers=False,
            manage_ticks=False,
            boxprops=ink,
            whiskerprops=ink,
            capprops=ink,
            medianprops=ink | {"lw": 2},
        )
    axis.set_ylim(len(shown) - 0.4, -0.6)
    axis.set_yticks(range(len(shown)), [""] * len(shown))
    axis.grid(visible=False, axis="y")
