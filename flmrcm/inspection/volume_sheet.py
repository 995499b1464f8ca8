"""One volume on one page: its slices on one brightness scale, with orientation letters."""

from collections.abc import Sequence
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.provenance import Provenance, read_provenance
from flmrcm.files import write_atomically
from flmrcm.inspection.thumbnails import Pixels, choose_evenly, find_white_level, read_images

MOST_SLICES = 24

_SIDE = 192  # longer side of a slice's picture, pixels
_COLUMNS_TO_ROWS = 1.3
_DPI = 100
_CAPTION, _LINE = 0.34, 0.17  # height of a caption, and of each further line of it, inches
_MIN_WIDTH = 4.6  # width that the caption needs, inches
_INK, _PAPER = "#f0f0f0", "#000000"
_LETTER_AT = {
    "top": (0.5, 0.03, "center", "top"),
    "bottom": (0.5, 0.97, "center", "bottom"),
    "left": (0.02, 0.5, "left", "center"),
    "right": (0.98, 0.5, "right", "center"),
}


def write_volume_sheet(volume: Path, png: Path) -> None:
    """Write a PNG of a prepared volume, complete or not at all: at most 24 slices, evenly chosen.

    Letters at the edges of the first slice name the directions (R, L, A, P, S, I), if the
    attribute `orientation` is known. Of the attributes only contrast, sizes, voxel size and the
    origin of the k-space are shown: nothing that could identify a patient.

    Args:
        volume: a file of this package's format.
        png: the new file; parent folders are created.

    Raises:
        DataLayoutError: the file can't be read, or holds no target.
    """
    header, provenance = read_header(volume, ""), read_provenance(volume)
    images = read_images(header, choose_evenly(header.shape[0], MOST_SLICES), _SIDE)
    columns = ceil(np.sqrt(_COLUMNS_TO_ROWS * len(images)))
    caption = _make_caption(header, provenance, len(images))
    page, axes = draw_page(images, columns, provenance, [caption])
    draw_letters(axes, provenance, images.shape[1:])
    save_page(page, png)


def draw_page(
    images: Pixels, columns: int, provenance: Provenance, captions: Sequence[str]
) -> tuple[Figure, Axes]:
    """Return a page of images on one brightness scale, and its axes, in pixels of the images.

    Args:
        images: (slices, height, width).
        columns: number of images in a row.
        provenance: tells how wide and high a pixel is.
        captions: lines above the images.
    """
    _, row_mm, column_mm = provenance.voxel_mm or (1.0, 1.0, 1.0)
    sheet = tile_slices(images, columns)
    # pixels that aren't square are shown as rectangles: the head keeps its proportions
    height, width = sheet.shape[0] * row_mm / column_mm / _DPI, sheet.shape[1] / _DPI
    head = _CAPTION + _LINE * (len(captions) - 1)
    page = Figure((max(width, _MIN_WIDTH), height + head), dpi=_DPI, facecolor=_PAPER)
    page_width, page_height = page.get_size_inches()
    axes = page.add_axes(
        (0.5 - 0.5 * width / page_width, 0, width / page_width, height / page_height)
    )
    axes.set_axis_off()
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=find_white_level(images), aspect="auto")
    for line, caption in enumerate(captions):
        top = 1 - (0.5 * _CAPTION + line * _LINE) / page_height
        page.text(0.08 / page_width, top, caption, color=_INK, fontsize=8, va="center")
    return page, axes


def save_page(page: Figure, png: Path) -> None:
    """Write a page, complete or not at all; parent folders are created."""
    buffer = BytesIO()
    FigureCanvasAgg(page).print_png(buffer, metadata={"Software": None})
    write_atomically(png, buffer.getbuffer())


def tile_slices(images: Pixels, columns: int) -> Pixels:
    """Return one image of all slices side by side, row by row; tiles without slice are black.

    Args:
        images: (slices, height, width).
        columns: number of slices in a row.

    Returns:
        (rows · height, columns · width).
    """
    n, height, width = images.shape
    rows = ceil(n / columns)
    padded = np.zeros((rows * columns, height, width), images.dtype)
    padded[:n] = images
    grid = padded.reshape(rows, columns, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width)


def draw_letters(axes: Axes, provenance: Provenance, tile: tuple[int, ...]) -> None:
    """Draw letters for the directions at the edges of the first tile, (height, width)."""
    height, width = tile
    for edge, letter in provenance.edges.items():
        across, down, horizontal, vertical = _LETTER_AT[edge]
        place = across * width, down * height
        write_on(axes, place, letter, color="#ffd75f", fontsize=9, ha=horizontal, va=vertical)


def write_on(axes: Axes, place: tuple[float, float], text: str, **look: Any) -> None:
    """Write on an image, at (column, row)."""
    # a dark outline: letters must be readable on bright tissue too
    outline = [withStroke(linewidth=2.5, foreground=_PAPER)]
    axes.text(*place, text, fontweight="bold", path_effects=outline, **look)


def _make_caption(header: Volume, provenance: Provenance, n_shown: int) -> str:
    n_slices, _, rows, columns = header.shape
    height, width = header.target_shape or (rows, columns)
    part = "" if n_shown == n_slices else f" ({n_shown} shown)"
    towards = f" towards {provenance.orientation[0]}" if provenance.edges else ""
    voxel_mm = provenance.voxel_mm
    parts = [
        provenance.contrast,
        f"{n_slices} slices{towards}{part}",
        f"{height} × {width}",
        f"{' × '.join(f'{mm:.3g}' for mm in voxel_mm)} mm" if voxel_mm else "",
        f"k-space: {provenance.kspace_origin}" if provenance.kspace_origin else "",
    ]
    return "   ".join(part for part in parts if part)
