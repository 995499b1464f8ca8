"""The recipe: its steps in their order, and a record of what they did."""

import numpy as np
import pytest
from kits.prepare import head, make_scan

from flmrcm.errors import ConfigErrors
from flmrcm.prepare.recipe import PreparationRecipe


def volume():
    image = np.zeros((8, 20, 10), np.float32)
    image[2:6] = head((4, 20, 10))
    image[3, 0, 0] = -1
    return image


def test_the_steps_and_what_they_did():
    scan = make_scan(volume(), (3.0, 1.0, 2.0))
    prepared = PreparationRecipe(size=[8, 24]).apply(scan, ("subject",))
    first, *_, last = np.flatnonzero((volume() > 10).mean((1, 2)) >= 0.02)
    assert prepared.slices == range(first, last + 1)
    assert prepared.encoded.kspace.shape == (len(prepared.slices), 8, 24)
    assert (prepared.n_native, prepared.negative_voxels) == (8, 1)
    assert 0 < prepared.foreground_cut < 0.5
    assert prepared.scan.voxel_mm == (3.0, 1.0, 1.0)


def test_the_phase_depends_on_the_address():
    recipe, scan = PreparationRecipe(size=None, phase="smooth"), make_scan(volume())
    first, again, other = (recipe.apply(scan, (a,)).encoded.kspace for a in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_the_same_scan_gives_the_same_bytes_whatever_else_was_prepared():
    one, other = (PreparationRecipe().apply(make_scan(volume()), ("x",)).encoded for _ in range(2))
    assert one.kspace.tobytes() == other.kspace.tobytes()


def test_all_values_outside_their_range_are_reported_together():
    with pytest.raises(ConfigErrors) as caught:
        PreparationRecipe(foreground=2, pixel_mm=0, size=[4], phase="smoth")
    assert len(caught.value.problems) == 4
    assert "Did you mean 'smooth'?" in str(caught.value)
