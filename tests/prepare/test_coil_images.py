"""What becomes of coil images."""

import numpy as np
import pytest
import torch
from kits.public_layouts import coil_images, phantom

from flmrcm.prepare.coil_images import COIL_MODES, combine_slices


@pytest.mark.parametrize("mode", COIL_MODES)
def test_every_mode_gives_all_slices_in_their_order(mode):
    images = coil_images(phantom(5))
    volume = combine_slices(iter(images), 5, mode)
    assert volume.shape == ((5, 4, 32, 24) if mode == "keep" else (5, 32, 24))
    assert np.iscomplexobj(volume) == (COIL_MODES[mode][1] == "measured")
    energy = np.abs(volume).reshape(5, -1).sum(1)
    assert (energy[[0, 4]] == 0).all()
    assert (np.diff(energy[1:4]) < 0).all()


def test_the_root_sum_of_squares_is_the_phantom():
    volume = combine_slices(iter(coil_images(phantom())), 4, "rss")
    torch.testing.assert_close(torch.from_numpy(volume), torch.from_numpy(phantom()))
