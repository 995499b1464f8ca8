"""The sheet of a reconstruction: pairs on one brightness scale, evenly chosen."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from flmrcm.data.provenance import Provenance
from flmrcm.inspection.reconstruction_sheet import MOST_PAIRS, write_reconstruction_sheet

SIDE = 224


def sheet(folder: Path, left: np.ndarray, right: np.ndarray, **facts: object) -> np.ndarray:
    """Return the picture, (rows, columns), without its captions' margin."""
    path = folder / "v.png"
    write_reconstruction_sheet(left, right, Provenance(**facts), ["one", "two"], path)
    return imread(path)[..., 0]


def test_on_the_left_is_what_it_started_from_on_one_scale(tmp_path: Path) -> None:
    left = np.full((1, 16, 16), 1.0, np.float32)
    page = sheet(tmp_path, left, 2 * left)
    tile = page[-SIDE + 20 : -40, :]
    start = (page.shape[1] - 2 * SIDE) // 2
    assert np.median(tile[:, start + 100]) == pytest.approx(0.5, abs=0.02)
    assert np.median(tile[:, start + SIDE + 60]) == pytest.approx(1, abs=0.02)


def test_at_most_twelve_pairs_are_shown(tmp_path: Path) -> None:
    heights = {}
    for n in (3, 4, MOST_PAIRS, 50):
        images = np.ones((n, 16, 16), np.float32)
        heights[n] = sheet(tmp_path, images, images).shape[0]
    assert heights[4] - heights[3] == pytest.approx(SIDE + 12, abs=2)
    assert heights[50] == heights[MOST_PAIRS]


def test_pixels_that_are_not_square_are_shown_as_rectangles(tmp_path: Path) -> None:
    images = np.ones((1, 16, 16), np.float32)
    flat, tall = (sheet(tmp_path, images, images, voxel_mm=(1.0, mm, 1.0)) for mm in (1.0, 2.0))
    assert tall.shape[0] - flat.shape[0] == pytest.approx(SIDE, abs=14)
