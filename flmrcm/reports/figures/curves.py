"""Validation scores and training loss over rounds, site by site."""

from pathlib import Path
from typing import cast

import pandas as pd

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, draw_each_section
from flmrcm.reports.figures.journal_rows import list_sites, read_journals
from flmrcm.reports.figures.lines import draw_lines
from flmrcm.reports.figures.row_filter import select_rows
from flmrcm.reports.figures.style import (
    add_legend,
    assign_looks,
    create_axes,
    leave_empty,
    name_columns,
)

LOSS = "loss"

_TITLE = "Scores over rounds"
_CAPTION = (
    "Lines: mean over a method's seeds; bands: from the lowest to the highest seed. Validation on "
    "whole volumes, convention {convention}. The loss is that of the reconstruction alone, at "
    "sites that train; where a method was run once for each target, it's the mean of those runs."
)


def draw_curves(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draw one column per site, one row per metric and one for the loss."""
    return draw_each_section(_TITLE, _draw_figure, comparison, folder)


def collect_curves(comparison: Comparison, section: str) -> pd.DataFrame:
    """Return the points of the curves, with the columns of `read_journals`.

    A run's validation counts at the sites where its test scores count. Its loss counts at all sites
    of the section where it trained.
    """
    counting = select_rows(comparison.results, section=section)[["run", "site"]].drop_duplicates()
    names = [metric.name for metric in comparison.list_metrics(section)]
    scores = read_journals(comparison, section, "val", names)
    scores = select_rows(scores, convention=comparison.convention).merge(counting)
    losses = read_journals(comparison, section, "train", [LOSS])
    losses = losses[losses["site"].isin(list_sites(comparison, section))]
    parts = [cast(pd.DataFrame, part) for part in (scores, losses) if len(part)]
    return (
        pd.concat(parts, ignore_index=True) if parts else read_journals(comparison, section, "", [])
    )


def _draw_figure(writer: FigureWriter) -> FigureOutcome:
    rows = collect_curves(writer.comparison, writer.section)
    if rows.empty:
        return writer.explain_missing(_TITLE, "No run's journal.csv holds rounds.")
    sites = list_sites(writer.comparison, writer.section)
    looks = assign_looks(writer.comparison, rows["method"])
    heads = {
        metric.name: f"validation {metric.label}"
        for metric in writer.comparison.list_metrics(writer.section)
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
    caption = _CAPTION.format(convention=writer.comparison.convention)
    return writer.write_figure(figure, "curves", _TITLE, caption)
