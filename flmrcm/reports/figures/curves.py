"""Curves over rounds: validation scores, training loss, accuracy of discriminators.

Lines are means over a method's seeds; bands go from the lowest to the highest seed.
"""

from collections.abc import Mapping
from typing import cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from flmrcm.reports.collected.comparison import Section, select_rows
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, for_each_section
from flmrcm.reports.figures.journal_rows import compute_spread, read_journals
from flmrcm.reports.figures.style import (
    GREYS,
    Look,
    add_legend,
    assign_looks,
    create_axes,
    leave_empty,
    name_columns,
)

LOSS, ACCURACY = "loss", "discriminator_accuracy"
CHANCE = 0.5
"""Accuracy of a discriminator that has learnt nothing."""

MAX_MARKED_ROUNDS = 12
"""With more rounds the markers are left out."""

_SCORES_CAPTION = (
    "Lines: mean over a method's seeds; bands: from the lowest to the highest seed. Validation on "
    "whole volumes, convention {convention}. The loss is that of the reconstruction alone, at "
    "sites that train; where a method was run once for each target, it's the mean of those runs. "
    "Points with a score that isn't finite are left out."
)
_ACCURACY_CAPTION = (
    "Mean over each round's training steps; source and target count equally. At 0.5 (dotted) a "
    "discriminator is no better than chance. Lines: mean over a method's seeds; bands: from the "
    "lowest to the highest seed."
)
_NO_DISCRIMINATOR = "No run trained discriminators; only the forms of FL-MRCM do."


def collect_curves(section: Section) -> pd.DataFrame:
    """Return the points of the curves, with the columns of `read_journals`.

    A run's validation counts at the sites where its test scores count. Its loss counts at all sites
    of the section where it trained.
    """
    counting = section.rows[["run", "site"]].drop_duplicates()
    names = [metric.name for metric in section.list_metrics()]
    scores = read_journals(section, "val", names)
    scores = select_rows(scores, convention=section.comparison.convention).merge(counting)
    losses = read_journals(section, "train", [LOSS])
    losses = losses[losses["site"].isin(section.list_sites())]
    parts = [cast(pd.DataFrame, part) for part in (scores, losses) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else read_journals(section, "", [])


@for_each_section("Scores over rounds")
def draw_curves(writer: FigureWriter) -> FigureOutcome:
    """Draw one column per site, one row per metric and one for the loss."""
    rows = collect_curves(writer.section)
    if rows.empty:
        return writer.explain_missing("No run's journal.csv holds rounds.")
    sites = writer.section.list_sites()
    looks = assign_looks(writer.comparison, rows["method"])
    heads = {
        metric.name: f"validation {metric.label}"
        for metric in writer.section.list_metrics()
        if metric.name in set(rows["metric"])
    }
    heads[LOSS] = "training loss"
    figure, axes = create_axes(len(heads), len(sites), 1.9, 1.45)
    for axes_row, (metric, head) in zip(axes, heads.items(), strict=True):
        for axis, site in zip(axes_row, sites, strict=True):
            own = select_rows(rows, metric=metric, site=site)
            if own.empty:
                leave_empty(axis, "not trained" if metric == LOSS else "not validated")
            else:
                draw_lines(axis, own, looks)
        axes_row[0].set_ylabel(head)
    name_columns(axes, sites, "round")
    add_legend(figure, looks)
    caption = _SCORES_CAPTION.format(convention=writer.comparison.convention)
    return writer.write_figure(figure, "curves", caption)


@for_each_section("Accuracy of discriminators")
def draw_discriminators(writer: FigureWriter) -> FigureOutcome:
    """Draw one column per source site, one row per target."""
    rows = read_journals(writer.section, "train", [ACCURACY])
    if rows.empty:
        return writer.explain_missing(_NO_DISCRIMINATOR)
    sources, targets = sorted(set(rows["site"])), sorted(set(rows["target"]))
    looks = assign_looks(writer.comparison, rows["method"])
    figure, axes = create_axes(len(targets), len(sources), 1.9, 1.5)
    lowest = min(0.4, *rows["value"]) - 0.03
    for axes_row, target in zip(axes, targets, strict=True):
        for axis, source in zip(axes_row, sources, strict=True):
            own = select_rows(rows, site=source, target=target)
            if own.empty:
                leave_empty(axis, "")
                continue
            axis.axhline(CHANCE, color=GREYS[0], ls=":", lw=1)
            draw_lines(axis, own, looks)
            axis.set_ylim(lowest, 1.03)
            axis.set_title(f"{source} or {target}?")
        axes_row[0].set_ylabel("accuracy")
    for axis in axes[-1]:
        axis.set_xlabel("round")
    add_legend(figure, looks)
    return writer.write_figure(figure, "discriminators", _ACCURACY_CAPTION)


def draw_lines(axis: Axes, rows: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """Draw one line per method; the band goes from the lowest to the highest seed.

    Args:
        axis: to draw on.
        rows: method, seed, round (counted from 0), value; see `read_journals`.
        looks: of every method.
    """
    # files count rounds from 0, people from 1
    curves = compute_spread(rows.assign(round=rows["round"] + 1), "round")
    for method, look in looks.items():
        curve = select_rows(curves, method=method)
        marker = look.marker if len(curve) <= MAX_MARKED_ROUNDS else ""
        axis.plot(curve["round"], curve["mean"], color=look.colour, ls=look.line, marker=marker)
        band = (curve["round"], curve["min"], curve["max"])
        axis.fill_between(*band, color=look.colour, alpha=0.15, lw=0)
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
