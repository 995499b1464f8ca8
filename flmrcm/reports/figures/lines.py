"""Lines over rounds: a method's mean over its seeds, and a band around it."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from flmrcm.reports.figures.selection import where
from flmrcm.reports.figures.series import LEAST, MEAN, MOST, spread
from flmrcm.reports.figures.style import Look

FEW_ROUNDS = 12
"""Up to so many, each round has its marker."""


def draw_lines(axis: Axes, rows: pd.DataFrame, shown: Mapping[str, Look]) -> None:
    """Draws one line per method; the band goes from the lowest to the highest seed.

    Args:
        axis: to draw on.
        rows: method, seed, round (from 0), value; see `series.journals`.
        shown: every method's look.
    """
    # rounds are counted from 1 wherever people read them
    curves = spread(rows.assign(round=rows["round"] + 1), "round")
    for method, look in shown.items():
        curve = where(curves, method=method)
        marker = look.marker if len(curve) <= FEW_ROUNDS else ""
        axis.plot(curve["round"], curve[MEAN], color=look.colour, ls=look.line, marker=marker)
        band = (curve["round"], curve[LEAST], curve[MOST])
        axis.fill_between(*band, color=look.colour, alpha=0.15, lw=0)
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
