"""Bytes that each method moves in a round."""

from collections.abc import Mapping
from typing import Any, cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Patch

from flmrcm.reports.collected.comparison import Section, select_rows
from flmrcm.reports.figures.figure_writer import FigureOutcome, FigureWriter, for_each_section
from flmrcm.reports.figures.journal_rows import read_journals
from flmrcm.reports.figures.style import (
    assign_looks,
    assign_site_looks,
    create_axes,
    place_legend,
    wrap_name,
)

SENT, RECEIVED, SEEN = "bytes_sent/", "bytes_received/", "bytes_seen/"

_CAPTION = (
    "Bytes per round, all sites together, mean over rounds and a method's runs; beside the bar: "
    "the sum of a whole run. Hatched: other sites' images that training read. They aren't part of "
    "the bar: here they're read in place; between hospitals they would have to be sent."
)
_POOLED_NOTE = "Images that were pooled before training aren't counted."
_WAY_WORDS = {SENT: "to the sites", RECEIVED: "from the sites", SEEN: "read in place"}
_KIND_WORDS = {"control": "control variates", "control_change": "changes of control variates"}
_UNITS = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "bytes": 1.0}
_SEEN_COLOUR = "#444444"


def count_bytes(section: Section) -> pd.DataFrame:
    """Return method, metric, value (bytes per round) and whole (bytes in a whole run).

    Means over a method's runs. `metric` is that of the journal: `bytes_sent/weights` goes to the
    sites, `bytes_received/weights` comes back, `bytes_seen/target_images` is read in place.
    """
    parts = [read_journals(section, "wire", [SENT, RECEIVED])]
    parts.append(read_journals(section, "train", [SEEN]))
    rows = pd.concat([part for part in parts if len(part)] or parts[:1])
    if rows.empty:
        return pd.DataFrame(columns=["method", "metric", "value", "whole"])
    rounds = {run: len(set(select_rows(rows, run=run)["round"])) for run in set(rows["run"])}
    wide = rows.pivot_table("value", ["method", "run"], "metric", "sum", fill_value=0.0)
    runs = wide.melt(value_name="whole", ignore_index=False).reset_index()
    runs["value"] = runs["whole"] / [rounds[run] for run in runs["run"]]
    table = runs.pivot_table(["whole", "value"], ["method", "metric"]).reset_index()
    return cast(pd.DataFrame, table[table["whole"] > 0])


@for_each_section("Bytes moved")
def draw_traffic(writer: FigureWriter) -> FigureOutcome:
    """Draw one bar per method, the bytes to the sites and from the sites one after the other."""
    rows = count_bytes(writer.section)
    if rows.empty:
        return writer.explain_missing("No run's journal.csv counts bytes.")
    methods = list(assign_looks(writer.comparison, rows["method"]))
    colours = _assign_colours(rows)
    figure, axes = create_axes(1, 1, 6.5, 0.4 + 0.4 * len(methods))
    axis, unit = axes[0, 0], _choose_unit(max(_sum_bytes(rows, method) for method in methods))
    for position, method in enumerate(methods):
        _draw_bar(axis, position, select_rows(rows, method=method), colours, unit)
    axis.set_yticks(range(len(methods)), [wrap_name(method) for method in methods])
    axis.set_ylim(len(methods) - 0.4, -0.6)
    axis.set_xlabel(f"{unit} per round")
    axis.grid(visible=False, axis="y")
    axis.margins(x=0.15)
    patches = [Patch(**_choose_fill(metric, colours)) for metric in colours]
    place_legend(figure, patches, [_describe_metric(metric) for metric in colours])
    pooled = any(run.config.get("pooled") for run in writer.comparison.runs.values())
    return writer.write_figure(
        figure, "traffic", f"{_CAPTION} {_POOLED_NOTE}" if pooled else _CAPTION
    )


def _draw_bar(
    axis: Axes, position: int, rows: pd.DataFrame, colours: Mapping[str, str], unit: str
) -> None:
    """Draw one bar of the bytes that moved, and below it a thin one of those read in place."""
    for seen, height, shift in ((False, 0.4, 0.0), (True, 0.16, 0.32)):
        part = [metric for metric in colours if metric.startswith(SEEN) == seen]
        part = [metric for metric in part if metric in set(rows["metric"])]
        left = 0.0
        for metric in part:
            (value,) = select_rows(rows, metric=metric)["value"] / _UNITS[unit]
            axis.barh(position + shift, value, height, left=left, **_choose_fill(metric, colours))
            left += value
        if part:
            whole = sum(rows["whole"][rows["metric"].isin(part)])
            text = f" {whole / _UNITS[_choose_unit(whole)]:.3g} {_choose_unit(whole)} in all"
            axis.text(left, position + shift, text, va="center", fontsize=7)


def _sum_bytes(rows: pd.DataFrame, method: str) -> float:
    return sum(select_rows(rows, method=method)["value"])


def _assign_colours(rows: pd.DataFrame) -> dict[str, str]:
    """Return a colour for each metric, weights first; bytes from the sites are paler."""
    kinds = sorted(
        {_extract_kind(metric) for metric in rows["metric"]}, key=lambda k: (k != "weights", k)
    )
    colours: dict[str, str] = {}
    for kind, look in assign_site_looks(kinds).items():
        ways = {SENT: look.colour, RECEIVED: _lighten(look.colour), SEEN: _SEEN_COLOUR}
        colours |= {f"{way}{kind}": colour for way, colour in ways.items()}
    return {metric: colour for metric, colour in colours.items() if metric in set(rows["metric"])}


def _choose_fill(metric: str, colours: Mapping[str, str]) -> dict[str, Any]:
    if metric.startswith(SEEN):
        return {"facecolor": "none", "edgecolor": colours[metric], "hatch": "//////", "lw": 0.6}
    return {"color": colours[metric]}


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
