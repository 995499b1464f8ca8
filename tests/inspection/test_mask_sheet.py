"""The contact sheet of masks shows them as they are."""

import numpy as np
import torch
from matplotlib.pyplot import imread as read_picture

from flmrcm.inspection.mask_sheet import compute_point_spread, describe_mask, write_mask_sheet
from flmrcm.mri.masks import Gaussian2D, Random, Sampling


def test_every_sample_is_whole_pixels_of_the_picture(tmp_path):
    mask, shape = Gaussian2D((4,)), (32, 48)
    write_mask_sheet({"a": Random((4,)), "b": mask}, shape, tmp_path / "new" / "sheet.png")
    grey = read_picture(tmp_path / "new" / "sheet.png")[..., 0]
    zoom, sampled = 6, mask(shape, 0).mask.numpy()
    found = [
        (top, left)
        for top in range(40, 140)
        for left in range(300, 340)
        if np.array_equal(
            grey[top : top + 32 * zoom : zoom, left : left + 48 * zoom : zoom], sampled
        )
    ]
    assert len(found) == zoom**2  # each pixel of a sample is like its first


def test_a_point_stays_a_point_where_everything_is_measured():
    full = Sampling(torch.ones(1, 32, dtype=torch.bool), (16, 32))
    spread = compute_point_spread(full, (16, 32))
    assert spread.shape == (8, 16)
    assert np.argwhere(spread > -60).tolist() == [[4, 8]]
    assert describe_mask(full, (16, 32)) == "1.00×, centre 16×32"


def test_every_fourth_column_makes_ghosts():
    every_fourth = Sampling(torch.arange(64)[None] % 4 == 0, (0, 0))
    spread = compute_point_spread(every_fourth, (16, 64))
    assert np.argwhere(spread > -1).tolist() == [[4, 0], [4, 16]]  # N/4 to the left; see the crop
    assert describe_mask(every_fourth, (16, 64)) == "4.00×, centre 0×0"
