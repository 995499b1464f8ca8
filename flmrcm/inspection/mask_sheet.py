"""A contact sheet of sampling masks, each with its point-spread function."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from flmrcm.mri.acquisition import center_crop
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.masks import Mask, Sampling, Shape

_COLUMNS = 6
_PANEL, _GAP, _CAPTION, _HEAD = 256, 14, 46, 56  # pixels; a panel has at least as many
_DECIBELS = 50  # below the peak, shown as black
_INK, _QUIET, _PAPER = "#f0f0f0", "#a8a8a8", "#111111"
_DPI = 100


def write_mask_sheet(masks: Mapping[str, Mask], shape: Shape, path: Path) -> None:
    """Write a PNG with a mask per panel, and below it what it makes of a single point.

    The point-spread function is the image of a mask as k-space: its central half along both axes,
    in decibels below its peak; of a mask of columns a profile, since it's one row. Samples are
    whole pixels of the picture.

    Args:
        masks: by name, each with one acceleration; drawn with seed 0.
        shape: rows and columns of the k-space.
        path: the new file; parent folders are created.

    Raises:
        DataLayoutError: a mask doesn't fit the shape.
    """
    zoom = _choose_zoom(shape)
    height, width = shape[0] * zoom, shape[1] * zoom
    across, rows = min(_COLUMNS, len(masks)), -(-len(masks) // _COLUMNS)
    row_height = 2 * height + _CAPTION + 2 * _GAP
    size = across * (width + _GAP) + _GAP, _HEAD + rows * row_height
    figure = Figure((size[0] / _DPI, size[1] / _DPI), dpi=_DPI, facecolor=_PAPER)
    head = (
        f"Sampling masks of {shape[0]}×{shape[1]} samples. Below each its point-spread function, "
        f"the central half, from its peak (bright, or on top) to {_DECIBELS} dB less."
    )
    _write(figure, (_GAP, 16), head, _QUIET, 10)
    for place, (name, mask) in enumerate(masks.items()):
        row, column = divmod(place, _COLUMNS)
        corner = _GAP + column * (width + _GAP), _HEAD + row * row_height
        _draw_mask(figure, corner, name, mask(shape, 0), shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(path)


def _draw_mask(
    figure: Figure, corner: tuple[int, int], name: str, sampling: Sampling, shape: Shape
) -> None:
    (left, top), zoom = corner, _choose_zoom(shape)
    height, width = shape[0] * zoom, shape[1] * zoom
    _write(figure, (left, top), name, _INK, 11)
    _write(figure, (left, top + 20), describe_mask(sampling, shape), _QUIET)
    full = sampling.mask.expand(shape).numpy()
    _place(figure, (left, top + _CAPTION), _enlarge(full, zoom), "gray", (0, 1))
    spread = compute_point_spread(sampling, shape)
    if len(sampling.mask) == 1:
        spread = _draw_profile(spread)
    enlarged = _enlarge(spread, 2 * zoom)[:height, :width]
    corner = left, top + _CAPTION + height + 4
    _place(figure, corner, enlarged, "inferno", (-_DECIBELS, 0))


def _choose_zoom(shape: Shape) -> int:
    """Return how many pixels wide a sample is."""
    return -(-_PANEL // max(shape))


def describe_mask(sampling: Sampling, shape: Shape) -> str:
    """Return what a mask comes to: `4.00×, centre 320×26`."""
    measured = int(sampling.mask.expand(shape).sum())
    rows, columns = sampling.center
    return f"{shape[0] * shape[1] / measured:.2f}×, centre {rows}×{columns}"


def compute_point_spread(sampling: Sampling, shape: Shape) -> np.ndarray:
    """Return the central half of a mask's point-spread function, decibels below its peak."""
    spread = ifft2c(sampling.mask.expand(shape).to(torch.complex64)).abs()
    decibels = 20 * torch.log10((spread / spread.max()).clamp(min=1e-6))
    return center_crop(decibels, -(-shape[0] // 2), -(-shape[1] // 2)).numpy()


def _draw_profile(spread: np.ndarray) -> np.ndarray:
    """Return the brightest row as filled columns, as high as they are bright."""
    row, levels = spread.max(0), np.linspace(0, -_DECIBELS, len(spread))
    return np.where(row >= levels[:, None], row, -_DECIBELS)


def _enlarge(image: np.ndarray, zoom: int) -> np.ndarray:
    return image.repeat(zoom, 0).repeat(zoom, 1)


def _place(
    figure: Figure,
    corner: tuple[int, int],
    image: np.ndarray,
    colours: str,
    limits: tuple[float, float],
) -> None:
    """Draw an image pixel by pixel, its upper left corner in pixels from that of the figure."""
    low, high = limits
    bottom = round(figure.get_figheight() * _DPI) - corner[1] - len(image)
    figure.figimage(
        image[::-1], corner[0], bottom, cmap=colours, vmin=low, vmax=high, origin="lower"
    )


def _write(
    figure: Figure, corner: tuple[float, float], text: str, colour: str, size: float = 9
) -> None:
    width, height = figure.get_size_inches() * _DPI
    left, top = corner[0] / width, 1 - corner[1] / height
    figure.text(left, top, text, color=colour, va="top", fontsize=size)
