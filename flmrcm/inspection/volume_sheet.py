"""One volume on one page: its slices on one brightness scale, with orientation letters."""

import os
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.provenance import Provenance, read_provenance
from flmrcm.inspection.thumbnails import Pixels, choose_evenly, find_white_level, read_images

MOST_SLICES = 24

_SIDE = 192  # pixels of a tile
_WIDER = 1.3  # columns to rows
_DPI = 100
_CAPTION = 0.34  # inches
_NARROWEST = 4.6  # inches; the caption needs them
_INK, _PAPER = "#f0f0f0", "#000000"
_LETTER_AT = {
    "top": (0.5, 0.03, "center", "top"),
    "bottom": (0.5, 0.97, "center", "bottom"),
    "left": (0.02, 0.5, "left", "center"),
    "right": (0.98, 0.5, "right", "center"),
}


def write_volume_sheet(volume: Path, png: Path) -> None:
    """Writes a PNG of a prepared volume, whole or not at all: at most 24 slices, evenly chosen.

    The letters at the first slice's edges say where in the body they lie (R, L, A, P, S, I), from
    the file's `orientation`; without one there are none. Nothing else of the header is shown but
    contrast, sizes, voxels and the k-space's origin.

    Args:
        volume: a file of the on-disk contract.
        png: where to; parent folders are made.

    Raises:
        DataLayoutError: the file can't be read, or holds no target.
    """
    header, said = read_header(volume, ""), read_provenance(volume)
    images = read_images(header, choose_evenly(header.shape[0], MOST_SLICES), _SIDE)
    columns = ceil(np.sqrt(_WIDER * len(images)))
    _, row_mm, column_mm = said.voxel_mm or (1.0, 1.0, 1.0)
    sheet = tile_slices(images, columns)
    height, width = sheet.shape[0] * row_mm / column_mm / _DPI, sheet.shape[1] / _DPI
    page = Figure((max(width, _NARROWEST), height + _CAPTION), dpi=_DPI, facecolor=_PAPER)
    page_width, page_height = page.get_size_inches()
    axes = page.add_axes(
        (0.5 - 0.5 * width / page_width, 0, width / page_width, height / page_height)
    )
    axes.set_axis_off()
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=find_white_level(images), aspect="auto")
    _draw_letters(axes, said, images.shape[1:])
    caption = _make_caption(header, said, len(images))
    top = 1 - 0.5 * _CAPTION / page_height
    page.text(0.08 / page_width, top, caption, color=_INK, fontsize=8, va="center")
    _save_png(page, png)


def tile_slices(images: Pixels, columns: int) -> Pixels:
    """Lays slices (slice, height, width) out in rows of `columns`; what stays empty is black."""
    n, height, width = images.shape
    rows = ceil(n / columns)
    padded = np.zeros((rows * columns, height, width), images.dtype)
    padded[:n] = images
    grid = padded.reshape(rows, columns, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width)


def _draw_letters(axes: Axes, said: Provenance, tile: tuple[int, ...]) -> None:
    height, width = tile
    outline = [withStroke(linewidth=2.5, foreground=_PAPER)]
    for edge, letter in said.edges.items():
        across, down, horizontal, vertical = _LETTER_AT[edge]
        axes.text(
            across * width,
            down * height,
            letter,
            color="#ffd75f",
            fontsize=9,
            fontweight="bold",
            ha=horizontal,
            va=vertical,
            path_effects=outline,
        )


def _make_caption(header: Volume, said: Provenance, n_shown: int) -> str:
    n_slices, _, rows, columns = header.shape
    height, width = header.target_shape or (rows, columns)
    shown = "" if n_shown == n_slices else f" ({n_shown} shown)"
    towards = f" towards {said.orientation[0]}" if said.edges else ""
    parts = [
        said.contrast,
        f"{n_slices} slices{towards}{shown}",
        f"{height} × {width}",
        f"{' × '.join(f'{mm:.3g}' for mm in said.voxel_mm)} mm" if said.voxel_mm else "",
        f"k-space: {said.kspace_origin}" if said.kspace_origin else "",
    ]
    return "   ".join(part for part in parts if part)


def _save_png(page: Figure, png: Path) -> None:
    png.parent.mkdir(parents=True, exist_ok=True)
    temporary = png.with_name(f".{png.name}.{os.getpid()}")
    try:
        FigureCanvasAgg(page).print_png(temporary, metadata={"Software": None})
        temporary.replace(png)
    finally:
        temporary.unlink(missing_ok=True)
