"""One reconstructed volume on one page: each slice beside the image that it started from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flmrcm.data.provenance import Provenance
from flmrcm.inspection.thumbnails import Pixels, choose_evenly, fit_to_side
from flmrcm.inspection.volume_sheet import draw_letters, draw_page, save_page, write_on

MOST_PAIRS = 12

_SIDE = 224  # longer side of an image, pixels
_GAP = 12  # between pairs, pixels
_ACROSS = 3  # pairs in a row
_INK, _QUIET = "#f0f0f0", "#b8b8b8"


def write_reconstruction_sheet(
    zero_filled: Pixels,
    reconstruction: Pixels,
    provenance: Provenance,
    captions: Sequence[str],
    png: Path,
) -> None:
    """Write a PNG, complete or not at all: at most 12 slices, evenly chosen, each as a pair.

    On the left of a pair is the zero-filled image, on the right the reconstruction, both on one
    brightness scale for the whole page.

    Args:
        zero_filled: magnitude, (slices, height, width).
        reconstruction: magnitude, same shape and units.
        provenance: voxel size and orientation, where they are known.
        captions: lines above the images.
        png: the new file; parent folders are created.
    """
    indices = choose_evenly(len(reconstruction), MOST_PAIRS)
    left, right = (
        np.stack([fit_to_side(images[index], _SIDE) for index in indices])
        for images in (zero_filled, reconstruction)
    )
    height, width = left.shape[1:]
    pairs = np.pad(np.concatenate([left, right], axis=2), ((0, 0), (0, _GAP), (0, _GAP)))
    columns = min(_ACROSS, len(pairs))
    page, axes = draw_page(pairs, columns, provenance, captions)
    for place, index in enumerate(indices):
        row, column = divmod(place, columns)
        left_edge, top = column * pairs.shape[2] + 4, row * pairs.shape[1] + 4
        below = left_edge, top + height - 8
        write_on(axes, below, f"{index}", color=_QUIET, fontsize=7, va="bottom")
        for name, shift in (("zero-filled", 0), ("reconstruction", width)) if row == 0 else ():
            write_on(axes, (left_edge + shift, top), name, color=_INK, fontsize=7, va="top")
    draw_letters(axes, provenance, (height, width))
    save_page(page, png)
