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

from flmrcm.learning.metrics import ZERO_FILLED, nmse
from flmrcm.reports.figures.saved_volumes import read_middle_slices
from flmrcm.reports.metric_info import metric_info

ImageArray = NDArray[np.float32]
Position = tuple[float, float]

ERROR_SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 1.0)
"""Where error maps may end, as a share of the target's maximum."""

_INK, _PAPER = "#e8e8e8", "#111111"
_FONT = 8  # points
_LINE, _GAP, _MARGIN, _BAR = 0.15, 0.04, 0.3, 0.75  # inches


@dataclass(frozen=True)
class Row:
    """One slice as several methods give it.

    Attributes:
        label: stands beside it.
        target: (height, width).
        images: method → (height, width); a method that isn't among them leaves its place empty.
        notes: method → what stands below its error.
    """

    label: str
    target: ImageArray
    images: Mapping[str, ImageArray]
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class ImageGrid:
    """Where everything stands on a page of strips, in inches from the upper left corner.

    Args:
        strips: from top to bottom, at least one.
        methods: from left to right.
        errors: `below` the images, or `beside` them.
        title: above everything.
    """

    rows: Sequence[Row]
    methods: Sequence[str]
    errors: Literal["below", "beside"]
    title: str = ""

    @property
    def columns(self) -> int:
        """The target and the methods, and their errors where these stand beside."""
        return 1 + len(self.methods) * (2 if self.errors == "beside" else 1)

    @property
    def image_width(self) -> float:
        """Of an image; smaller if there are many."""
        return 1.45 if self.columns <= 8 else 1.15

    @property
    def image_height(self) -> float:
        """Height of an image as wide as `side`: that of the tallest."""
        return self.image_width * max(s.target.shape[0] / s.target.shape[1] for s in self.rows)

    @property
    def row_step(self) -> float:
        """From one strip to the next."""
        rows = 2 if self.errors == "below" else 1
        return rows * (self.image_height + _GAP) + 1.5 * _LINE

    def wrap_head(self, text: str) -> str:
        """Breaks a column's head into lines."""
        return fill(text, int(self.image_width * 72 / (0.55 * _FONT)))

    @property
    def top(self) -> float:
        """Room for the title and the heads."""
        heads = [f"error of {m}" if self.errors == "beside" else m for m in self.methods]
        lines = max(self.wrap_head(head).count("\n") + 1 for head in heads)
        return (lines + (2.6 if self.title else 1)) * _LINE

    @property
    def size(self) -> tuple[float, float]:
        """Of the page: width and height."""
        width = _MARGIN + self.columns * (self.image_width + _GAP)
        width += _BAR if self.errors == "beside" else _GAP
        return width, self.top + len(self.rows) * self.row_step

    def locate_image(self, strip: int, column: int) -> Position:
        """Gives an image's left and upper edge."""
        return _MARGIN + column * (self.image_width + _GAP), self.top + strip * self.row_step

    def locate_error(self, strip: int, column: int) -> Position:
        """Gives those of the error of the image in a column."""
        if self.errors == "beside":
            return self.locate_image(strip, column + len(self.methods))
        left, top = self.locate_image(strip, column)
        return left, top + self.image_height + _GAP


def draw_panel(volumes: Mapping[str, Path], path: Path, title: str = "") -> None:
    """Draws one slice: target, input and each method, then their errors.

    Args:
        volumes: method → a saved volume, h5 with `target`, `input`, `reconstruction`; all of the
            same volume. The slice is the middle one.
        path: the PNG to write.
        title: above the picture.
    """
    kinds = ("target", "input", "reconstruction")
    slices = {method: read_middle_slices(volume, kinds) for method, volume in volumes.items()}
    first = next(found for found in slices.values() if found)
    images = {ZERO_FILLED: first["input"]}
    images |= {method: found["reconstruction"] for method, found in slices.items() if found}
    shown = metric_info("nmse")
    notes = {
        method: f"{shown.title} {shown.format(nmse(image, first['target']))}"
        for method, image in images.items()
    }
    strip = Row("", first["target"], images, notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_image_grid(ImageGrid([strip], [*images], "beside", title)).savefig(path, dpi=110)


def draw_image_grid(sheet: ImageGrid) -> Figure:
    """Draws strips below each other; all error maps have one scale, which stands beside them."""
    width, height = sheet.size
    figure = Figure(figsize=sheet.size, facecolor=_PAPER)
    # one system of axes in inches: a hundred of them, one per image, would take seconds
    axis = figure.add_axes((0, 0, 1, 1))
    share = choose_error_share(sheet.rows)
    for number, strip in enumerate(sheet.rows):
        _draw_row(axis, sheet, number, share)
        _, top = sheet.locate_image(number, 0)
        _write_text(axis, 0.5 * _MARGIN, top + sheet.image_height / 2, strip.label, rotation=90)
    _draw_heads(axis, sheet)
    _write_text(axis, width / 2, _LINE, sheet.title)
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.set_axis_off()
    _draw_scale(figure, sheet, share)
    return figure


def choose_error_share(strips: Iterable[Row]) -> float:
    """Gives where error maps end: the smallest of `SHARES` that shows nearly all errors.

    That is 98 % of the pixels of every method's every image; zero-filled images don't count where
    there are others.
    """
    errors: dict[str, float] = {}
    for strip in strips:
        for method, image in strip.images.items():
            error = float(np.percentile(np.abs(image - strip.target), 98)) / _find_peak(strip)
            if np.isfinite(error):  # images of NaN weights have no scale
                errors[method] = max(error, errors.get(method, 0.0))
    methods = {m: e for m, e in errors.items() if not m.startswith(ZERO_FILLED)} or errors
    worst = max(methods.values(), default=ERROR_SHARES[-1])
    return min((share for share in ERROR_SHARES if share >= worst), default=ERROR_SHARES[-1])


def _draw_row(axis: Axes, sheet: ImageGrid, number: int, share: float) -> None:
    strip = sheet.rows[number]
    peak, size = _find_peak(strip), (sheet.image_width, sheet.image_height)
    _show_image(axis, (*sheet.locate_image(number, 0), *size), strip.target, Normalize(0, peak))
    for column, method in enumerate(sheet.methods, start=1):
        if method not in strip.images:
            continue
        image = strip.images[method]
        _show_image(axis, (*sheet.locate_image(number, column), *size), image, Normalize(0, peak))
        left, top = sheet.locate_error(number, column)
        error = np.abs(image - strip.target)
        _show_image(axis, (left, top, *size), error, Normalize(0, share * peak), "inferno")
        below = top + sheet.image_height + 0.7 * _LINE
        _write_text(axis, left + sheet.image_width / 2, below, strip.notes.get(method, ""))


def _show_image(
    axis: Axes,
    place: tuple[float, float, float, float],
    image: ImageArray,
    scale: Normalize,
    colours: str = "gray",
) -> None:
    left, top, width, height = place
    extent = left, left + width, top + height, top
    axis.imshow(image, cmap=colours, norm=scale, extent=extent, aspect="auto")


def _draw_heads(axis: Axes, sheet: ImageGrid) -> None:
    heads = ["target", *sheet.methods]
    if sheet.errors == "beside":
        heads += [f"error of {method}" for method in sheet.methods]
    for column, head in enumerate(heads):
        left, top = sheet.locate_image(0, column)
        above = top - 0.4 * _LINE
        _write_text(axis, left + sheet.image_width / 2, above, sheet.wrap_head(head), va="bottom")


def _draw_scale(figure: Figure, sheet: ImageGrid, share: float) -> None:
    """In the empty place below the first target, or at the right of the last strip."""
    width, height = sheet.size
    if sheet.errors == "below":
        left, top = sheet.locate_error(0, 0)
        left += 0.3 * sheet.image_width
    else:
        left, top = sheet.locate_image(len(sheet.rows) - 1, sheet.columns)
        left += 2 * _GAP
    place = (
        left / width,
        1 - (top + sheet.image_height) / height,
        0.1 / width,
        sheet.image_height / height,
    )
    axis = figure.add_axes(place)
    errors = ScalarMappable(Normalize(0, 100 * share), colormaps["inferno"])
    bar = figure.colorbar(errors, cax=axis, ticks=[0, 50 * share, 100 * share])
    bar.set_label("error (% of the\ntarget's maximum)", color=_INK, fontsize=6)
    axis.tick_params(colors=_INK, labelsize=6, length=2)


def _write_text(axis: Axes, left: float, top: float, text: str, **how: Any) -> None:
    style: dict[str, Any] = {"color": _INK, "fontsize": _FONT, "ha": "center", "va": "center"}
    axis.text(left, top, text, **(style | how))


def _find_peak(strip: Row) -> float:
    return float(strip.target.max()) or 1.0
