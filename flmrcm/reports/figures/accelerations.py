"""Scores against acceleration, where runs differ in it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from flmrcm.reports.collected.comparison import (
    Comparison,
    Section,
    compare_runs,
    list_distinct,
    select_rows,
)
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter
from flmrcm.reports.figures.journal_rows import compute_spread
from flmrcm.reports.figures.style import (
    Look,
    add_legend,
    assign_looks,
    create_axes,
    leave_empty,
    name_columns,
)
from flmrcm.reports.metric_info import metric_info, sort_metrics

_TITLE = "Scores by acceleration"
_CAPTION = (
    "Mean over volumes and a method's seeds, convention {convention}; bars: from the lowest to the "
    "highest seed. A line joins runs whose settings differ in the acceleration and its centre "
    "fraction only; other settings stand in the legend. Accelerations are those of the masks' "
    "configs; the axis is logarithmic. Points with a score that isn't finite are left out."
)
_MISSING_REASON = (
    "All runs have one acceleration; flmrcm train -m 'mask.accelerations=[4],[8]' makes two."
)


def draw_accelerations(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draw one figure for each scenario: one column per site, one row per metric."""
    rows = add_rates(comparison)
    joined = replace(comparison, results=rows)
    # looks as in the other figures, unless a label is told otherwise here
    alike = set(rows["method"]) <= set(comparison.results["method"])
    looks_of = comparison if alike else joined
    scenarios = [
        scenario
        for scenario in list_distinct(rows, "section")
        if len(set(select_rows(rows, section=scenario)["rate"])) > 1
    ]
    if not scenarios:
        writer = FigureWriter(Section(joined, ""), folder, _TITLE)
        return [writer.explain_missing(_MISSING_REASON)]
    return [
        FigureWriter(Section(joined, scenario), folder, _TITLE).attempt(
            partial(_draw_figure, rows=select_rows(rows, section=scenario), looks_of=looks_of)
        )
        for scenario in scenarios
    ]


def add_rates(comparison: Comparison) -> pd.DataFrame:
    """Return the comparison's results with a column `rate`, the acceleration as a number.

    The column `section` has no acceleration then: `unseen target`, not `unseen target, 4x`; and
    runs of a `method` differ in no setting but the acceleration and its centre fraction. Runs whose
    masks have several accelerations, or are the files' own, are left out.
    """
    rates = {folder: _parse_rate(run.accelerations) for folder, run in comparison.runs.items()}
    runs = [run for folder, run in comparison.runs.items() if rates[folder]]
    if not runs:
        return comparison.results.iloc[:0].assign(rate=0.0)
    of_one_rate = replace(comparison.collection, runs=runs)
    results = compare_runs(of_one_rate, comparison.convention, joined=True).results
    rows = select_rows(results, convention=comparison.convention)
    return rows.assign(rate=[rates[run] for run in rows["run"]])


def _parse_rate(accelerations: str) -> float | None:
    return float(accelerations[:-1]) if re.fullmatch(r"[\d.]+x", accelerations) else None


def _draw_figure(writer: FigureWriter, rows: pd.DataFrame, looks_of: Comparison) -> FigureOutcome:
    sites, looks = sorted(set(rows["site"])), assign_looks(looks_of, rows["method"])
    names = sort_metrics(rows["metric"])
    figure, axes = create_axes(len(names), len(sites), 2.1, 1.7)
    for axes_row, name in zip(axes, names, strict=True):
        for axis, site in zip(axes_row, sites, strict=True):
            _draw_rate_lines(axis, select_rows(rows, metric=name, site=site), looks)
        axes_row[0].set_ylabel(metric_info(name, writer.comparison.described_metrics).label)
    name_columns(axes, sites, "acceleration")
    add_legend(figure, looks)
    caption = _CAPTION.format(convention=writer.comparison.convention)
    return writer.write_figure(figure, "accelerations", caption)


def _draw_rate_lines(axis: Axes, rows: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    if rows.empty:
        leave_empty(axis, "not tested")
        return
    lines = compute_spread(rows, "rate")
    for method, look in looks.items():
        line = select_rows(lines, method=method)
        ends = [line["mean"] - line["min"], line["max"] - line["mean"]]
        axis.errorbar(
            line["rate"],
            line["mean"],
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
