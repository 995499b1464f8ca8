"""Box plots of the test scores over volumes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from flmrcm.reports.collected.comparison import Section, list_distinct, select_rows
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, for_each_section
from flmrcm.reports.figures.style import (
    Look,
    assign_looks,
    create_axes,
    leave_empty,
    wrap_name,
)
from flmrcm.reports.numbers.score_cells import average_per_volume

_CAPTION = (
    "A point per volume, averaged over a method's seeds; convention {convention}. Boxes: "
    "quartiles and median; whiskers: to the farthest volume within 1.5 interquartile ranges."
)
_BOX_HEIGHT = 0.55
"""Of a box, as a share of the distance between methods."""


def list_volume_scores(section: Section, metric: str) -> pd.DataFrame:
    """Return the points of a figure: method, site, volume, value averaged over seeds."""
    return average_per_volume(section.select_scores(metric)).reset_index(name="value")


@for_each_section("Scores of single volumes")
def draw_boxes(writer: FigureWriter) -> FigureOutcome:
    """Draw one column per site and one row per metric; in each, a box for every method."""
    comparison, section = writer.comparison, writer.section
    scores = section.select_scores()
    if scores.empty:
        return writer.explain_missing(f"There are no scores under {comparison.convention}.")
    sites, metrics = section.list_sites(), section.list_metrics()
    looks = assign_looks(comparison, scores["method"])
    names = [wrap_name(method) for method in looks]
    row = max(0.27, *(0.125 * (name.count("\n") + 1) for name in names))
    figure, axes = create_axes(len(metrics), len(sites), 2.1, 0.5 + row * len(looks))
    for axes_row, metric in zip(axes, metrics, strict=True):
        table = list_volume_scores(section, metric.name)
        for axis, site in zip(axes_row, sites, strict=True):
            _draw_site_boxes(axis, select_rows(table, site=site), looks)
            axis.set_xlabel(metric.label)
        axes_row[0].set_yticks(range(len(looks)), names)
    for axis, site in zip(axes[0], sites, strict=True):
        count = len(list_distinct(select_rows(scores, site=site), "volume"))
        axis.set_title(f"{wrap_name(site)}\n{count} {'volume' if count == 1 else 'volumes'}")
    caption = _CAPTION.format(convention=comparison.convention)
    if np.isnan(scores["value"]).any():
        caption += " Scores that aren't finite aren't shown."
    return writer.write_figure(figure, "boxes", caption)


def _draw_site_boxes(axis: Axes, table: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    if table.empty:
        leave_empty(axis, "no scores")
    for position, (method, look) in enumerate(looks.items()):
        values = np.asarray(select_rows(table, method=method)["value"].dropna())
        if not len(values):
            continue
        # evenly spaced, not random: the same runs give the same figure
        heights = position + np.linspace(-0.35, 0.35, len(values)) * _BOX_HEIGHT
        colour = {"color": look.colour}
        axis.plot(values, heights, ls="", marker="o", ms=2.5, mew=0, alpha=0.5, c=look.colour)
        axis.boxplot(
            values,
            positions=[position],
            orientation="horizontal",
            widths=_BOX_HEIGHT,
            showfliers=False,
            manage_ticks=False,
            boxprops=colour,
            whiskerprops=colour,
            capprops=colour,
            medianprops=colour | {"lw": 2},
        )
    axis.set_ylim(len(looks) - 0.4, -0.6)
    axis.set_yticks(range(len(looks)), [""] * len(looks))
    axis.grid(visible=False, axis="y")
