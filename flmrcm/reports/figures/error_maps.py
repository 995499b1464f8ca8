"""Grids of reconstructions and their errors, with one scale for all errors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flmrcm.learning.metrics import ZERO_FILLED, nmse
from flmrcm.reports.figures.figure_writer import DOTS_PER_INCH
from flmrcm.reports.figures.saved_volumes import read_middle_slices
from flmrcm.reports.figures.style import wrap_name
from flmrcm.reports.metric_info import metric_info

ImageArray = NDArray[np.float32]
Position = tuple[float, float]

ERROR_SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 1.0)
"""Possible ends of the scale of error maps, as shares of the target's maximum."""

_INK, _PAPER = "#e8e8e8", "#111111"
_FONT = 8  # points
_LINE, _GAP, _MARGIN, _BAR = 0.15, 0.04, 0.3, 0.75  # inches


@dataclass(frozen=True)
class Row:
    """One slice by several methods.

    Attributes:
        label: shown at the left.
        target: fully sampled magnitude, (height, width).
        images: magnitude by method, (height, width) each; a method without one has an empty place.
        notes: shown below the error, by method.
    """

    label: str
    target: ImageArray
    images: Mapping[str, ImageArray]
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class ImageGrid:
    """The positions of all images of a figure, in inches from its upper left corner.

    Args:
        rows: from top to bottom, at least one.
        methods: from left to right.
        errors: where error maps are: `below` the images or `beside` them.
        title: shown above all images.
    """

    rows: Sequence[Row]
    methods: Sequence[str]
    errors: Literal["below", "beside"]
    title: str = ""

    @property
    def columns(self) -> int:
        """The number of images in a row: target, methods, and errors if they are beside."""
        return 1 + len(self.methods) * (2 if self.errors == "beside" else 1)

    @property
    def image_width(self) -> float:
        """The width of an image; smaller if there are many columns."""
        return 1.45 if self.columns <= 8 else 1.15

    @property
    def image_height(self) -> float:
        """The height of an image; the tallest target sets it for all."""
        return self.image_width * max(
            row.target.shape[0] / row.target.shape[1] for row in self.rows
        )

    @property
    def row_step(self) -> float:
        """The distance from one row to the next."""
        images = 2 if self.errors == "below" else 1
        return images * (self.image_height + _GAP) + 1.5 * _LINE

    def wrap_head(self, text: str) -> str:
        """Return the head of a column, broken into lines."""
        return wrap_name(text, int(self.image_width * 72 / (0.55 * _FONT)))

    @property
    def top(self) -> float:
        """The height of the title and the heads."""
        heads = [f"error of {m}" if self.errors == "beside" else m for m in self.methods]
        lines = max(self.wrap_head(head).count("\n") + 1 for head in heads)
        return (lines + (2.6 if self.title else 1)) * _LINE

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure."""
        width = _MARGIN + self.columns * (self.image_width + _GAP)
        width += _BAR if self.errors == "beside" else _GAP
        return width, self.top + len(self.rows) * self.row_step

    def locate_image(self, row: int, column: int) -> Position:
        """Return the left and the upper edge of an image."""
        return _MARGIN + column * (self.image_width + _GAP), self.top + row * self.row_step

    def locate_error(self, row: int, column: int) -> Position:
        """Return the left and the upper edge of the error map of an image."""
        if self.errors == "beside":
            return self.locate_image(row, column + len(self.methods))
        left, top = self.locate_image(row, column)
        return left, top + self.image_height + _GAP


def draw_panel(volumes: Mapping[str, Path], path: Path, title: str = "") -> None:
    """Draw the middle slice of a volume: target, input and each method, then their errors.

    Args:
        volumes: saved volumes by method, h5 with `target`, `input` and `reconstruction`; all of the
            same volume.
        path: the PNG to write.
        title: shown above the images.
    """
    kinds = ("target", "input", "reconstruction")
    slices = {method: read_middle_slices(volume, kinds) for method, volume in volumes.items()}
    first = next(arrays for arrays in slices.values() if arrays)
    images = {ZERO_FILLED: first["input"]}
    images |= {method: arrays["reconstruction"] for method, arrays in slices.items() if arrays}
    metric = metric_info("nmse")
    notes = {
        method: f"{metric.title} {metric.format(nmse(image, first['target']))}"
        for method, image in images.items()
    }
    row = Row("", first["target"], images, notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_image_grid(ImageGrid([row], [*images], "beside", title)).savefig(path, dpi=DOTS_PER_INCH)


def draw_image_grid(grid: ImageGrid) -> Figure:
    """Draw all rows of a grid; all error maps share one scale, which is shown, too."""
    width, height = grid.size
    figure = Figure(figsize=grid.size, facecolor=_PAPER)
    # one Axes in inches for all images: an Axes for each would take seconds
    axis = figure.add_axes((0, 0, 1, 1))
    share = choose_error_share(grid.rows)
    for number, row in enumerate(grid.rows):
        _draw_row(axis, grid, number, share)
        _, top = grid.locate_image(number, 0)
        _write_text(axis, 0.5 * _MARGIN, top + grid.image_height / 2, row.label, rotation=90)
    _draw_heads(axis, grid)
    _write_text(axis, width / 2, _LINE, grid.title)
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.set_axis_off()
    _draw_scale(figure, grid, share)
    return figure


def choose_error_share(rows: Iterable[Row]) -> float:
    """Return the end of the scale of error maps, as a share of the target's maximum.

    The smallest of `ERROR_SHARES` that covers 98 % of the pixels of every image of every method;
    zero-filled images don't count where there are others.
    """
    errors: dict[str, float] = {}
    for row in rows:
        for method, image in row.images.items():
            error = float(np.percentile(np.abs(image - row.target), 98)) / _find_peak(row)
            if np.isfinite(error):  # images by NaN weights would leave no scale for the others
                errors[method] = max(error, errors.get(method, 0.0))
    methods = {m: e for m, e in errors.items() if not m.startswith(ZERO_FILLED)} or errors
    worst = max(methods.values(), default=ERROR_SHARES[-1])
    return min((share for share in ERROR_SHARES if share >= worst), default=ERROR_SHARES[-1])


def _draw_row(axis: Axes, grid: ImageGrid, number: int, share: float) -> None:
    row = grid.rows[number]
    peak, size = _find_peak(row), (grid.image_width, grid.image_height)
    _show_image(axis, (*grid.locate_image(number, 0), *size), row.target, Normalize(0, peak))
    for column, method in enumerate(grid.methods, start=1):
        if method not in row.images:
            continue
        image = row.images[method]
        _show_image(axis, (*grid.locate_image(number, column), *size), image, Normalize(0, peak))
        left, top = grid.locate_error(number, column)
        error = np.abs(image - row.target)
        _show_image(axis, (left, top, *size), error, Normalize(0, share * peak), "inferno")
        below = top + grid.image_height + 0.7 * _LINE
        _write_text(axis, left + grid.image_width / 2, below, row.notes.get(method, ""))


def _show_image(
    axis: Axes,
    box: tuple[float, float, float, float],
    image: ImageArray,
    scale: Normalize,
    colours: str = "gray",
) -> None:
    """Show an image, (height, width), in a box: left, top, width and height in inches."""
    left, top, width, height = box
    extent = left, left + width, top + height, top
    axis.imshow(image, cmap=colours, norm=scale, extent=extent, aspect="auto")


def _draw_heads(axis: Axes, grid: ImageGrid) -> None:
    heads = ["target", *grid.methods]
    if grid.errors == "beside":
        heads += [f"error of {method}" for method in grid.methods]
    for column, head in enumerate(heads):
        left, top = grid.locate_image(0, column)
        above = top - 0.4 * _LINE
        _write_text(axis, left + grid.image_width / 2, above, grid.wrap_head(head), va="bottom")


def _draw_scale(figure: Figure, grid: ImageGrid, share: float) -> None:
    """Draw the scale of the errors below the first target, or at the right of the last row."""
    width, height = grid.size
    if grid.errors == "below":
        left, top = grid.locate_error(0, 0)
        left += 0.3 * grid.image_width
    else:
        left, top = grid.locate_image(len(grid.rows) - 1, grid.columns)
        left += 2 * _GAP
    box = (
        left / width,
        1 - (top + grid.image_height) / height,
        0.1 / width,
        grid.image_height / height,
    )
    axis = figure.add_axes(box)
    errors = ScalarMappable(Normalize(0, 100 * share), colormaps["inferno"])
    bar = figure.colorbar(errors, cax=axis, ticks=[0, 50 * share, 100 * share])
    bar.set_label("error (% of the\ntarget's maximum)", color=_INK, fontsize=6)
    axis.tick_params(colors=_INK, labelsize=6, length=2)


def _write_text(axis: Axes, left: float, top: float, text: str, **style: Any) -> None:
    usual: dict[str, Any] = {"color": _INK, "fontsize": _FONT, "ha": "center", "va": "center"}
    axis.text(left, top, text, **(usual | style))


def _find_peak(row: Row) -> float:
    return float(row.target.max()) or 1.0
