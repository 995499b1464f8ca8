"""Lines over rounds: the mean over a method's seeds, and a band from lowest to highest."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from flmrcm.reports.figures.journal_rows import SEED_MAX, SEED_MEAN, SEED_MIN, compute_spread
from flmrcm.reports.figures.row_filter import select_rows
from flmrcm.reports.figures.style import Look

MAX_MARKED_ROUNDS = 12
"""With more rounds the markers are left out."""


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
        axis.plot(curve["round"], curve[SEED_MEAN], color=look.colour, ls=look.line, marker=marker)
        band = (curve["round"], curve[SEED_MIN], curve[SEED_MAX])
        axis.fill_between(*band, color=look.colour, alpha=0.15, lw=0)
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
