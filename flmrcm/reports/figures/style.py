"""How figures look: a method has one colour and one marker wherever it's drawn."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.row_filter import list_distinct
from flmrcm.reports.numbers.score_matrix import is_zero_filled, sort_methods

COLOURS = (
    "#0072B2", "#D55E00", "#117733", "#E69F00", "#33BBEE",
    "#882255", "#332288", "#DDCC77", "#661100", "#222222",
)  # fmt: skip
"""Told apart by colour-blind readers, from each other and from grey; after Okabe & Ito and Tol."""

GREYS = ("#8C8C8C", "#B8B8B8")
"""For zero-filled images."""

_MARKERS = "osD^vPX<>*"
_LINE_STYLES = ("-", "--", ":", "-.")
_SITE_ORDER = (6, 4, 5, 3, 2, 8, 7, 9, 1, 0)  # places in COLOURS: those of the first methods last
_WRAP_WIDTH = 34  # characters of a method's name on one line
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
"""Decorates a function that draws."""


class Look(NamedTuple):
    """How a method is told from the others, in colour and without.

    Attributes:
        colour: of its lines and boxes.
        marker: of its points.
        line: Matplotlib's line style.
    """

    colour: str
    marker: str
    line: str


def assign_looks(comparison: Comparison, among: Iterable[str] = ()) -> dict[str, Look]:
    """Gives methods their looks, in the order of tables; grey for zero-filled images.

    A look depends on the comparison alone, not on what is drawn. After ten methods colours come
    again, with other markers and lines.

    Args:
        comparison: the methods.
        among: those wanted; empty means all.
    """
    methods = sort_methods(list_distinct(comparison.results, "method"))
    blank = [method for method in methods if is_zero_filled(method)]
    found = {method: Look(GREYS[n % 2], "o", ":") for n, method in enumerate(blank)}
    found |= {method: _make_look(number) for number, method in enumerate(methods[len(blank) :])}
    wanted = set(among) or set(methods)
    return {method: look for method, look in found.items() if method in wanted}


def assign_site_looks(sites: Sequence[str]) -> dict[str, Look]:
    """Gives each site a look; the first sites' colours aren't those of the first methods."""
    colours = {site: COLOURS[_SITE_ORDER[n % len(_SITE_ORDER)]] for n, site in enumerate(sites)}
    return {site: _make_look(n)._replace(colour=colours[site]) for n, site in enumerate(sites)}


def create_axes(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """Gives a figure and its axes (rows, columns), each about `width` × `height` inches."""
    size = max(columns * width, 3.4), rows * height + 0.2
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def name_columns(axes: np.ndarray, names: Sequence[str], below: str) -> None:
    """Names the columns of a grid above its first row, and what is counted below its last."""
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(name)
    for axis in axes[-1]:
        axis.set_xlabel(below)


def add_legend(figure: Figure, shown: Mapping[str, Look], joined: str = "line") -> None:
    """Puts the names of what is shown below the axes.

    Args:
        figure: as `grid` gives it.
        shown: name → look.
        joined: by what points are joined: `line`, or nothing.
    """
    names = [wrap_name(name) for name in shown]
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, ls=look.line if joined else "none")
        for look in shown.values()
    ]
    place_legend(figure, handles, names)


def place_legend(figure: Figure, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Puts a legend below the axes, in as many columns as fit; the figure grows by its height."""
    lines = [name.split("\n") for name in names]
    widest = max(len(line) for name in lines for line in name)
    columns = max(1, min(int(figure.get_figwidth() / (0.058 * widest + 0.45)), len(names)))
    rows = -(-len(names) // columns)
    stacks = [sum(map(len, lines[n : n + rows])) for n in range(0, len(names), rows)]
    figure.set_figheight(figure.get_figheight() + 0.2 + _LEGEND_LINE * max(stacks))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)


def wrap_name(method: str) -> str:
    """Breaks a long name into lines."""
    return fill(method, _WRAP_WIDTH)


def leave_empty(axis: Axes, why: str) -> None:
    """Leaves a place empty and says why."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, why, transform=axis.transAxes, ha="center", va="center", color=GREYS[0])


def _make_look(number: int) -> Look:
    again, place = divmod(number, len(COLOURS))
    marker = _MARKERS[(place + 3 * again) % len(_MARKERS)]
    return Look(COLOURS[place], marker, _LINE_STYLES[again % len(_LINE_STYLES)])
