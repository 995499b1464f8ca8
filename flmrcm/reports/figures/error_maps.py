"""Pictures of reconstructions and their errors, all on one scale."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.figures.saved import middle_slices

Image = NDArray[np.float32]
Place = tuple[float, float]

SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 1.0)
"""Where error maps may end, as a share of the target's maximum."""

_INK, _PAPER = "#e8e8e8", "#111111"
_FONT = 8  # points
_LINE, _GAP, _MARGIN, _BAR = 0.15, 0.04, 0.3, 0.75  # inches


@dataclass(frozen=True)
class Strip:
    """One slice as several methods give it.

    Attributes:
        label: stands beside it.
        target: (height, width).
        images: method → (height, width); a method that isn't among them leaves its place empty.
        notes: method → what stands below its error.
    """

    label: str
    target: Image
    images: Mapping[str, Image]
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Sheet:
    """Where everything stands on a page of strips, in inches from the upper left corner.

    Args:
        strips: from top to bottom, at least one.
        methods: from left to right.
        errors: `below` the images, or `beside` them.
        title: above everything.
    """

    strips: Sequence[Strip]
    methods: Sequence[str]
    errors: Literal["below", "beside"]
    title: str = ""

    @property
    def columns(self) -> int:
        """The target and the methods, and their errors where these stand beside."""
        return 1 + len(self.methods) * (2 if self.errors == "beside" else 1)

    @property
    def side(self) -> float:
        """Of an image; smaller if there are many."""
        return 1.45 if self.columns <= 8 else 1.15

    @property
    def tall(self) -> float:
        """Height of an image as wide as `side`: that of the tallest."""
        return self.side * max(s.target.shape[0] / s.target.shape[1] for s in self.strips)

    @property
    def step(self) -> float:
        """From one strip to the next."""
        rows = 2 if self.errors == "below" else 1
        return rows * (self.tall + _GAP) + 1.5 * _LINE

    def head(self, text: str) -> str:
        """Breaks a column's head into lines."""
        return fill(text, int(self.side * 72 / (0.55 * _FONT)))

    @property
    def top(self) -> float:
        """Room for the title and the heads."""
        heads = [f"error of {m}" if self.errors == "beside" else m for m in self.methods]
        lines = max(self.head(head).count("\n") + 1 for head in heads)
        return (lines + (2.6 if self.title else 1)) * _LINE

    @property
    def size(self) -> tuple[float, float]:
        """Of the page: width and height."""
        width = _MARGIN + self.columns * (self.side + _GAP)
        width += _BAR if self.errors == "beside" else _GAP
        return width, self.top + len(self.strips) * self.step

    def place(self, strip: int, column: int) -> Place:
        """Gives an image's left and upper edge."""
        return _MARGIN + column * (self.side + _GAP), self.top + strip * self.step

    def error_place(self, strip: int, column: int) -> Place:
        """Gives those of the error of the image in a column."""
        if self.errors == "beside":
            return self.place(strip, column + len(self.methods))
        left, top = self.place(strip, column)
        return left, top + self.tall + _GAP


def draw_panel(volumes: Mapping[str, Path], path: Path, title: str = "") -> None:
    """Draws one slice: target, input and each method, then their errors.

    Args:
        volumes: method → a saved volume, h5 with `target`, `input`, `reconstruction`; all of the
            same volume. The slice is the middle one.
        path: the PNG to write.
        title: above the picture.
    """
    kinds = ("target", "input", "reconstruction")
    slices = {method: middle_slices(volume, kinds) for method, volume in volumes.items()}
    first = next(found for found in slices.values() if found)
    images = {ZERO_FILLED: first["input"]}
    images |= {method: found["reconstruction"] for method, found in slices.items() if found}
    notes = {m: f"NMSE {_nmse(image, first['target']):.4f}" for m, image in images.items()}
    strip = Strip("", first["target"], images, notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(Sheet([strip], [*images], "beside", title)).savefig(path, dpi=110)


def draw_sheet(sheet: Sheet) -> Figure:
    """Draws strips below each other; all error maps have one scale, which stands beside them."""
    width, height = sheet.size
    figure = Figure(figsize=sheet.size, facecolor=_PAPER)
    # one system of axes in inches: a hundred of them, one per image, would take seconds
    axis = figure.add_axes((0, 0, 1, 1))
    share = error_share(sheet.strips)
    for number, strip in enumerate(sheet.strips):
        _draw_strip(axis, sheet, number, share)
        _, top = sheet.place(number, 0)
        _write(axis, 0.5 * _MARGIN, top + sheet.tall / 2, strip.label, rotation=90)
    _draw_heads(axis, sheet)
    _write(axis, width / 2, _LINE, sheet.title)
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.set_axis_off()
    _draw_scale(figure, sheet, share)
    return figure


def error_share(strips: Iterable[Strip]) -> float:
    """Gives where error maps end: the smallest of `SHARES` that shows nearly all errors.

    That is 98 % of the pixels of every method's every image; zero-filled images don't count where
    there are others.
    """
    errors: dict[str, float] = {}
    for strip in strips:
        for method, image in strip.images.items():
            error = float(np.percentile(np.abs(image - strip.target), 98)) / _peak(strip)
            errors[method] = max(error, errors.get(method, 0.0))
    methods = {m: e for m, e in errors.items() if not m.startswith(ZERO_FILLED)} or errors
    worst = max(methods.values(), default=SHARES[-1])
    return min((share for share in SHARES if share >= worst), default=SHARES[-1])


def _draw_strip(axis: Axes, sheet: Sheet, number: int, share: float) -> None:
    strip = sheet.strips[number]
    peak, size = _peak(strip), (sheet.side, sheet.tall)
    _show(axis, (*sheet.place(number, 0), *size), strip.target, Normalize(0, peak))
    for column, method in enumerate(sheet.methods, start=1):
        if method not in strip.images:
            continue
        image = strip.images[method]
        _show(axis, (*sheet.place(number, column), *size), image, Normalize(0, peak))
        left, top = sheet.error_place(number, column)
        error = np.abs(image - strip.target)
        _show(axis, (left, top, *size), error, Normalize(0, share * peak), "inferno")
        below = top + sheet.tall + 0.7 * _LINE
        _write(axis, left + sheet.side / 2, below, strip.notes.get(method, ""))


def _show(
    axis: Axes,
    place: tuple[float, float, float, float],
    image: Image,
    scale: Normalize,
    colours: str = "gray",
) -> None:
    left, top, width, height = place
    extent = left, left + width, top + height, top
    axis.imshow(image, cmap=colours, norm=scale, extent=extent, aspect="auto")


def _draw_heads(axis: Axes, sheet: Sheet) -> None:
    heads = ["target", *sheet.methods]
    if sheet.errors == "beside":
        heads += [f"error of {method}" for method in sheet.methods]
    for column, head in enumerate(heads):
        left, top = sheet.place(0, column)
        above = top - 0.4 * _LINE
        _write(axis, left + sheet.side / 2, above, sheet.head(head), va="bottom")


def _draw_scale(figure: Figure, sheet: Sheet, share: float) -> None:
    """In the empty place below the first target, or at the right of the last strip."""
    width, height = sheet.size
    if sheet.errors == "below":
        left, top = sheet.error_place(0, 0)
        left += 0.3 * sheet.side
    else:
        left, top = sheet.place(len(sheet.strips) - 1, sheet.columns)
        left += 2 * _GAP
    place = left / width, 1 - (top + sheet.tall) / height, 0.1 / width, sheet.tall / height
    axis = figure.add_axes(place)
    errors = ScalarMappable(Normalize(0, 100 * share), colormaps["inferno"])
    bar = figure.colorbar(errors, cax=axis, ticks=[0, 50 * share, 100 * share])
    bar.set_label("error (% of the\ntarget's maximum)", color=_INK, fontsize=6)
    axis.tick_params(colors=_INK, labelsize=6, length=2)


def _write(axis: Axes, left: float, top: float, text: str, **how: Any) -> None:
    style: dict[str, Any] = {"color": _INK, "fontsize": _FONT, "ha": "center", "va": "center"}
    axis.text(left, top, text, **(style | how))


def _peak(strip: Strip) -> float:
    return float(strip.target.max()) or 1.0


def _nmse(image: Image, target: Image) -> float:
    return float(((image - target) ** 2).sum() / (target**2).sum())
