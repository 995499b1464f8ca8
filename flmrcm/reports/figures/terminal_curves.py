"""A run's curves in the terminal: PSNR and loss over rounds, a line for each site."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import isfinite
from string import ascii_uppercase
from typing import NamedTuple

from rich.text import Text

from flmrcm.tracking.run_info import DEFAULT_CONVENTION
from flmrcm.types import Measurement

_CURVES = (
    ("val", "psnr", DEFAULT_CONVENTION, "validation PSNR (dB)", 2),
    ("train", "loss", "", "training loss", 4),
)
"""Split, metric, convention, title, and the digits after the point."""
_HEIGHT, _LEAST_ROUNDS, _LINE = 12, 2, "━"
_MOST_TICKS = 8
_COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow")


class SiteCurve(NamedTuple):
    """A line: one value for each round that has one.

    Attributes:
        site: whose.
        rounds: counted from 1, ascending.
        values: of those rounds, finite.
    """

    site: str
    rounds: list[int]
    values: list[float]


def draw_curves(rows: Sequence[Measurement], width: int, coloured: bool) -> Iterator[Text]:
    """Yield the curves of a journal as text; those of fewer than two rounds are left out.

    Args:
        rows: of the journal.
        width: of the terminal, in characters.
        coloured: whether colours tell sites apart; else letters do.
    """
    for split, metric, convention, title, digits in _CURVES:
        own = [r for r in rows if (r.split, r.metric, r.convention) == (split, metric, convention)]
        curves = [curve for curve in collect_curves(own) if len(curve.rounds) >= _LEAST_ROUNDS]
        if curves:
            yield _draw(curves, f"{title}, by round", width, coloured)
            yield _describe_ends(curves, coloured, digits)


def collect_curves(rows: Sequence[Measurement]) -> list[SiteCurve]:
    """Return a line for each site of measurements of one kind; what isn't finite has no point."""
    points: dict[str, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if isfinite(row.value):
            points[row.site][row.round + 1] = row.value
    return [
        SiteCurve(site, sorted(own), [own[number] for number in sorted(own)])
        for site, own in points.items()
    ]


def _draw(curves: Sequence[SiteCurve], title: str, width: int, coloured: bool) -> Text:
    import plotext  # only here: other reports needn't wait for it

    figure = plotext.figure
    figure.clear()  # the library has one figure for the whole process
    figure.theme("simple" if coloured else "colorless")
    figure.plot_size(width, _HEIGHT)
    for number, curve in enumerate(curves):
        symbol, colour = _choose_look(number, coloured)
        marker = plotext.marker(symbol if symbol != _LINE else "braille", colour)
        figure.draw(figure.signal(curve.rounds, curve.values, marker=marker).lines())
    last = max(curve.rounds[-1] for curve in curves)
    figure.ruler("x").ticks([*range(1, last + 1, -(-last // _MOST_TICKS))])
    figure.title(title)
    return Text.from_ansi(str(figure.build()).rstrip())


def _describe_ends(curves: Sequence[SiteCurve], coloured: bool, digits: int) -> Text:
    """Return the legend: each site's mark, its first and its last value."""
    legend = Text()
    for number, (site, _, values) in enumerate(curves):
        symbol, colour = _choose_look(number, coloured)
        legend.append(f"{symbol} {site}", colour)
        legend.append(f" {values[0]:.{digits}f} → {values[-1]:.{digits}f}   ")
    return legend


def _choose_look(number: int, coloured: bool) -> tuple[str, str | None]:
    """Return the mark and colour of the curve with a number."""
    if coloured:
        return _LINE, _COLOURS[number % len(_COLOURS)]
    return ascii_uppercase[number % len(ascii_uppercase)], None
