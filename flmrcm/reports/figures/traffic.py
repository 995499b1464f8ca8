"""Bytes moved per method and round."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Patch

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, draw_each_section
from flmrcm.reports.figures.journal_rows import read_journals
from flmrcm.reports.figures.row_filter import select_rows
from flmrcm.reports.figures.style import (
    assign_looks,
    assign_site_looks,
    create_axes,
    place_legend,
    wrap_name,
)

SENT, RECEIVED, SEEN = "bytes_sent/", "bytes_received/", "bytes_seen/"

_TITLE = "Bytes moved"
_CAPTION = (
    "Bytes per round, all sites together, mean over rounds and a method's runs; beside the bar: "
    "the whole run's. Hatched: other sites' images that training looked at. They stand apart: here "
    "they're read in place, between hospitals they'd have to travel."
)
_POOLED_NOTE = "Images that were pooled before training aren't counted."
_WAY_WORDS = {SENT: "to the sites", RECEIVED: "from the sites", SEEN: "looked at"}
_KIND_WORDS = {"control": "control variates", "control_change": "changes of control variates"}
_UNITS = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "bytes": 1.0}
_SEEN_INK = "#444444"


def draw_traffic(comparison: Comparison, folder: Path) -> list[FigureOutcome]:
    """Draws one bar per method; what goes to the sites and what comes back is stacked."""
    return draw_each_section(_TITLE, _draw_figure, comparison, folder)


def count_bytes(comparison: Comparison, section: str) -> pd.DataFrame:
    """Gives method, metric, value (bytes per round), whole (bytes in the whole run).

    Means over a method's runs. `metric` is the journal's: `bytes_sent/weights` goes to the sites,
    `bytes_received/weights` comes back, `bytes_seen/target_images` is read in place.
    """
    parts = [read_journals(comparison, section, "wire", [SENT, RECEIVED])]
    parts.append(read_journals(comparison, section, "train", [SEEN]))
    rows = pd.concat([part for part in parts if len(part)] or parts[:1])
    if rows.empty:
        return pd.DataFrame(columns=["method", "metric", "value", "whole"])
    rounds = {run: len(set(select_rows(rows, run=run)["round"])) for run in set(rows["run"])}
    wide = rows.pivot_table("value", ["method", "run"], "metric", "sum", fill_value=0.0)
    runs = wide.melt(value_name="whole", ignore_index=False).reset_index()
    runs["value"] = runs["whole"] / [rounds[run] for run in runs["run"]]
    table = runs.pivot_table(["whole", "value"], ["method", "metric"]).reset_index()
    return cast(pd.DataFrame, table[table["whole"] > 0])


def _draw_figure(page: FigureWriter) -> FigureOutcome:
    rows = count_bytes(page.comparison, page.section)
    if rows.empty:
        return page.explain_missing(_TITLE, "No run's journal.csv counts bytes.")
    methods, inks = list(assign_looks(page.comparison, rows["method"])), _assign_colours(rows)
    figure, axes = create_axes(1, 1, 6.5, 0.4 + 0.4 * len(methods))
    axis, unit = axes[0, 0], _choose_unit(max(_sum_bytes(rows, method) for method in methods))
    for place, method in enumerate(methods):
        _draw_bar(axis, place, select_rows(rows, method=method), inks, unit)
    axis.set_yticks(range(len(methods)), [wrap_name(method) for method in methods])
    axis.set_ylim(len(methods) - 0.4, -0.6)
    axis.set_xlabel(f"{unit} per round")
    axis.grid(visible=False, axis="y")
    axis.margins(x=0.15)
    patches = [Patch(**_choose_fill(metric, inks)) for metric in inks]
    place_legend(figure, patches, [_describe_metric(metric) for metric in inks])
    pooled = any(run.config.get("pooled") for run in page.comparison.runs.values())
    return page.write_figure(
        figure, "traffic", _TITLE, f"{_CAPTION} {_POOLED_NOTE}" if pooled else _CAPTION
    )


def _draw_bar(
    axis: Axes, place: int, rows: pd.DataFrame, inks: Mapping[str, str], unit: str
) -> None:
    """Draws what moved as one bar, and what was looked at as a thin one below it."""
    for seen, height, shift in ((False, 0.4, 0.0), (True, 0.16, 0.32)):
        part = [metric for metric in inks if metric.startswith(SEEN) == seen]
        part = [metric for metric in part if metric in set(rows["metric"])]
        left = 0.0
        for metric in part:
            (value,) = select_rows(rows, metric=metric)["value"] / _UNITS[unit]
            axis.barh(place + shift, value, height, left=left, **_choose_fill(metric, inks))
            left += value
        if part:
            whole = sum(rows["whole"][rows["metric"].isin(part)])
            text = f" {whole / _UNITS[_choose_unit(whole)]:.3g} {_choose_unit(whole)} in all"
            axis.text(left, place + shift, text, va="center", fontsize=7)


def _sum_bytes(rows: pd.DataFrame, method: str) -> float:
    return sum(select_rows(rows, method=method)["value"])


def _assign_colours(rows: pd.DataFrame) -> dict[str, str]:
    """Gives each metric its colour, weights first; what comes back is paler than what goes."""
    kinds = sorted(
        {_extract_kind(metric) for metric in rows["metric"]}, key=lambda k: (k != "weights", k)
    )
    found: dict[str, str] = {}
    for kind, look in assign_site_looks(kinds).items():
        colours = {SENT: look.colour, RECEIVED: _lighten(look.colour), SEEN: _SEEN_INK}
        found |= {f"{way}{kind}": colour for way, colour in colours.items()}
    return {metric: colour for metric, colour in found.items() if metric in set(rows["metric"])}


def _choose_fill(metric: str, inks: Mapping[str, str]) -> dict[str, Any]:
    if metric.startswith(SEEN):
        return {"facecolor": "none", "edgecolor": inks[metric], "hatch": "//////", "lw": 0.6}
    return {"color": inks[metric]}


def _lighten(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return to_hex(((1 + red) / 2, (1 + green) / 2, (1 + blue) / 2))


def _describe_metric(metric: str) -> str:
    kind = _extract_kind(metric)
    way = next(words for way, words in _WAY_WORDS.items() if metric.startswith(way))
    return f"{_KIND_WORDS.get(kind, kind.replace('_', ' '))}, {way}"


def _extract_kind(metric: str) -> str:
    return metric.partition("/")[2]


def _choose_unit(n_bytes: float) -> str:
    return next((unit for unit, size in _UNITS.items() if n_bytes >= size), "bytes")
