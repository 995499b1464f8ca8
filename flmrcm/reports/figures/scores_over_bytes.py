"""Validation scores over the bytes that training has moved by then."""

import pandas as pd

from flmrcm.reports.collected.comparison import Section, select_rows
from flmrcm.reports.figures.curves import MAX_MARKED_ROUNDS, collect_curves
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, for_each_section
from flmrcm.reports.figures.journal_rows import compute_spread, read_journals
from flmrcm.reports.figures.style import add_legend, assign_looks, create_axes
from flmrcm.reports.figures.traffic import RECEIVED, SENT

_MEGABYTE = 1e6
_CAPTION = (
    "Each point: a validation, mean over its sites, convention {convention}, against the megabytes "
    "that training has moved until then, all sites and both ways together. Lines: mean over a "
    "method's runs; bands: from the lowest to the highest seed. The messages of validation and "
    "test aren't counted; `flmrcm ledger` has them. Points with a score that isn't "
    "finite are left out."
)


def collect_scores_over_bytes(section: Section) -> pd.DataFrame:
    """Return method, metric, round, megabytes, mean, min, max of the methods that moved bytes.

    `megabytes` is the mean over a method's runs, in all rounds so far; `mean`, `min` and `max` are
    over seeds, of scores that are means over sites.
    """
    metrics = [metric.name for metric in section.list_metrics()]
    curves = collect_curves(section)
    moved = _sum_megabytes(section)
    parts = [
        compute_spread(select_rows(curves, metric=metric), "round").assign(metric=metric)
        for metric in metrics
        if metric in set(curves["metric"])
    ]
    if not parts or moved.empty:
        return pd.DataFrame(columns=["method", "metric", "round", "megabytes", "mean"])
    return pd.concat(parts).merge(moved, on=["method", "round"])


@for_each_section("Scores over bytes")
def draw_scores_over_bytes(writer: FigureWriter) -> FigureOutcome:
    """Draw one Axes per metric, a line per method over a logarithmic axis."""
    rows = collect_scores_over_bytes(writer.section)
    if rows.empty:
        return writer.explain_missing("No run's journal.csv holds both bytes and validations.")
    looks = assign_looks(writer.comparison, rows["method"])
    metrics = [m for m in writer.section.list_metrics() if m.name in set(rows["metric"])]
    figure, axes = create_axes(1, len(metrics), 2.4, 2.2)
    for axis, metric in zip(axes[0], metrics, strict=True):
        for method, look in looks.items():
            curve = select_rows(rows, metric=metric.name, method=method).sort_values("round")
            marker = look.marker if len(curve) <= MAX_MARKED_ROUNDS else ""
            x = curve["megabytes"]
            axis.plot(x, curve["mean"], color=look.colour, ls=look.line, marker=marker)
            axis.fill_between(x, curve["min"], curve["max"], color=look.colour, alpha=0.15, lw=0)
        axis.set_xscale("log")
        axis.set_xlabel("MB moved")
        axis.set_ylabel(f"validation {metric.label}")
    add_legend(figure, looks)
    caption = _CAPTION.format(convention=writer.comparison.convention)
    return writer.write_figure(figure, "scores_over_bytes", caption)


def _sum_megabytes(section: Section) -> pd.DataFrame:
    """Return method, round and the megabytes moved up to its end, the mean over a method's runs."""
    rows = read_journals(section, "wire", [SENT, RECEIVED])
    if rows.empty:
        return pd.DataFrame(columns=["method", "round", "megabytes"])
    wide = rows.pivot_table("value", ["method", "run"], "round", "sum", fill_value=0.0)
    so_far = wide.cumsum(axis="columns").melt(value_name="megabytes", ignore_index=False)
    table = so_far.pivot_table("megabytes", ["method", "round"]) / _MEGABYTE
    return table.reset_index()
