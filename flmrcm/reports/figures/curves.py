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
    "whole volumes, convention {convention}. The loss is the reconstruction's alone, at sites that "
    "train themselves; where a method was run once for each target, it's the mean of those runs."
)


def draw_curves(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draws one column per site, one row per score."""
    return draw_each_section(_TITLE, _draw_figure, comparison, folder)


def collect_curves(comparison: Comparison, section: str) -> pd.DataFrame:
    """Gives what the curves show, with the columns of `journals`.

    A run's validation counts at the sites where its test scores count; its loss wherever it
    trained, if the section has that site.
    """
    counting = select_rows(comparison.results, section=section)[["run", "site"]].drop_duplicates()
    names = [metric.name for metric in comparison.list_metrics(section)]
    validated = read_journals(comparison, section, "val", names)
    validated = select_rows(validated, convention=comparison.convention).merge(counting)
    trained = read_journals(comparison, section, "train", [LOSS])
    trained = trained[trained["site"].isin(list_sites(comparison, section))]
    found = [cast(pd.DataFrame, part) for part in (validated, trained) if len(part)]
    return (
        pd.concat(found, ignore_index=True) if found else read_journals(comparison, section, "", [])
    )


def _draw_figure(page: FigureWriter) -> FigureOutcome:
    rows = collect_curves(page.comparison, page.section)
    if rows.empty:
        return page.explain_missing(_TITLE, "No run's journal.csv holds rounds.")
    sites, shown = (
        list_sites(page.comparison, page.section),
        assign_looks(page.comparison, rows["method"]),
    )
    metrics = page.comparison.list_metrics(page.section)
    validated = {metric.name: f"validation {metric.label}" for metric in metrics}
    heads = {name: head for name, head in validated.items() if name in set(rows["metric"])}
    heads[LOSS] = "training loss"
    figure, axes = create_axes(len(heads), len(sites), 1.9, 1.45)
    for line, (metric, head) in zip(axes, heads.items(), strict=True):
        for axis, site in zip(line, sites, strict=True):
            here = select_rows(rows, metric=metric, site=site)
            if here.empty:
                leave_empty(axis, "not trained" if metric == LOSS else "not validated")
            else:
                draw_lines(axis, here, shown)
        line[0].set_ylabel(head)
    name_columns(axes, sites, "round")
    add_legend(figure, shown)
    caption = _CAPTION.format(convention=page.comparison.convention)
    return page.write_figure(figure, "curves", _TITLE, caption)
