"""The style of all figures: a method has the same colour and marker in each of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from flmrcm.reports.collected.comparison import Comparison, list_distinct
from flmrcm.reports.numbers.score_cells import is_zero_filled, sort_methods

COLOURS = (
    "#0072B2", "#D55E00", "#117733", "#E69F00", "#33BBEE",
    "#882255", "#332288", "#DDCC77", "#661100", "#222222",
)  # fmt: skip
"""Colour-blind readers can distinguish them and grey; after Okabe & Ito and Tol."""

GREYS = ("#8C8C8C", "#B8B8B8")
"""For zero-filled images."""

_MARKERS = "osD^vPX<>*"
_LINE_STYLES = ("-", "--", ":", "-.")
_SITE_ORDER = (6, 4, 5, 3, 2, 8, 7, 9, 1, 0)  # indices in COLOURS; the first methods' come last
_WRAP_WIDTH = 34  # characters of a method's name on one line
_PART_ENDS = re.compile(r"(?<=[=,])|(?<=[a-z]\.)")
_LEGEND_LINE = 0.165  # inches

apply_style = mpl.rc_context(
    {
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "legend.fontsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.6,
        "hatch.linewidth": 0.6,
        "lines.linewidth": 1.4,
        "lines.markersize": 4,
        "legend.frameon": False,
        "pdf.fonttype": 42,  # whole fonts are embedded, as journals ask
    }
)
"""Decorator of functions that draw."""


class Look(NamedTuple):
    """What distinguishes a method from the others, in colour and in black and white.

    Attributes:
        colour: of its lines and boxes.
        marker: of its points.
        line: a line style of Matplotlib.
    """

    colour: str
    marker: str
    line: str


def assign_looks(comparison: Comparison, among: Iterable[str] = ()) -> dict[str, Look]:
    """Return the looks of methods, in the order of tables; zero-filled images are grey.

    A look depends on the comparison only, not on the figure. After ten methods the colours repeat,
    with other markers and lines.

    Args:
        comparison: with all methods.
        among: the methods of the figure; empty means all.
    """
    methods = sort_methods(list_distinct(comparison.results, "method"))
    zero_filled = [method for method in methods if is_zero_filled(method)]
    looks = {method: Look(GREYS[n % 2], "o", ":") for n, method in enumerate(zero_filled)}
    looks |= make_looks(methods[len(zero_filled) :])
    wanted = set(among) or set(methods)
    return {method: look for method, look in looks.items() if method in wanted}


def make_looks(names: Sequence[str]) -> dict[str, Look]:
    """Return a look for each of some names, in their order."""
    return {name: _make_look(n) for n, name in enumerate(names)}


def assign_site_looks(sites: Sequence[str]) -> dict[str, Look]:
    """Return the looks of sites; the first sites' colours aren't those of the first methods."""
    colours = {site: COLOURS[_SITE_ORDER[n % len(_SITE_ORDER)]] for n, site in enumerate(sites)}
    return {site: _make_look(n)._replace(colour=colours[site]) for n, site in enumerate(sites)}


def create_axes(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """Return a figure and its Axes, (rows, columns), each about `width` × `height` inches."""
    size = max(columns * width, 3.4), rows * height + 0.2
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def name_columns(axes: np.ndarray, names: Sequence[str], label: str) -> None:
    """Write a name above each column of Axes, (rows, columns), and a label below the last row."""
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(name)
    for axis in axes[-1]:
        axis.set_xlabel(label)


def add_legend(figure: Figure, looks: Mapping[str, Look], joined: str = "line") -> None:
    """Write a legend of markers below the Axes.

    Args:
        figure: see `create_axes`.
        looks: by name.
        joined: `line` if lines join the markers, else empty.
    """
    names = [wrap_name(name) for name in looks]
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, ls=look.line if joined else "none")
        for look in looks.values()
    ]
    place_legend(figure, handles, names)


def place_legend(figure: Figure, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Write a legend below the Axes, in as many columns as fit; the figure grows by its height."""
    lines = [name.split("\n") for name in names]
    widest = max(len(line) for name in lines for line in name)
    columns = max(1, min(int(figure.get_figwidth() / (0.058 * widest + 0.45)), len(names)))
    rows = -(-len(names) // columns)
    heights = [sum(map(len, lines[n : n + rows])) for n in range(0, len(names), rows)]
    figure.set_figheight(figure.get_figheight() + 0.2 + _LEGEND_LINE * max(heights))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)


def wrap_name(name: str, width: int = _WRAP_WIDTH) -> str:
    """Return a long name, broken into lines; a word that is longer, where a part of it ends."""
    lines = [""]
    for word in re.findall(r"\S+ ?", name):
        for part in [word] if len(word) <= width else _PART_ENDS.split(word):
            if lines[-1] and len(lines[-1] + part.rstrip()) > width:
                lines.append("")
            lines[-1] += part
    return "\n".join(fill(line, width) for line in lines)


def leave_empty(axis: Axes, reason: str) -> None:
    """Write the reason why there's nothing to draw in the place of an Axes."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, reason, transform=axis.transAxes, ha="center", va="center", color=GREYS[0])


def _make_look(number: int) -> Look:
    cycle, index = divmod(number, len(COLOURS))
    marker = _MARKERS[(index + 3 * cycle) % len(_MARKERS)]
    return Look(COLOURS[index], marker, _LINE_STYLES[cycle % len(_LINE_STYLES)])
