"""Laws of the recipe: steps in their order, and what was done is told."""

import numpy as np
import pytest
from kits.prepare import a_scan, head

from flmrcm.errors import ConfigErrors
from flmrcm.prepare.recipe import PreparationRecipe


def volume():
    image = np.zeros((8, 20, 10), np.float32)
    image[2:6] = head((4, 20, 10))
    image[3, 0, 0] = -1
    return image


def test_the_steps_and_what_they_did():
    made = PreparationRecipe(size=[8, 24]).apply(a_scan(volume(), (3.0, 1.0, 2.0)), ("subject",))
    first, *_, last = np.flatnonzero((volume() > 10).mean((1, 2)) >= 0.02)
    assert made.kept == range(first, last + 1)
    assert made.encoded.kspace.shape == (len(made.kept), 8, 24)
    assert (made.n_native, made.negative_voxels) == (8, 1)
    assert 0 < made.foreground_cut < 0.5
    assert made.scan.voxel_mm == (3.0, 1.0, 1.0)


def test_the_phase_follows_from_the_address():
    recipe, scan = PreparationRecipe(size=None, phase="smooth"), a_scan(volume())
    here, again, there = (recipe.apply(scan, (a,)).encoded.kspace for a in ("a", "a", "b"))
    np.testing.assert_array_equal(here, again)
    assert not np.allclose(here, there)


def test_the_same_scan_gives_the_same_bytes_whatever_else_was_prepared():
    one, other = (PreparationRecipe().apply(a_scan(volume()), ("x",)).encoded for _ in range(2))
    assert one.kspace.tobytes() == other.kspace.tobytes()


def test_every_value_outside_its_range_is_told_at_once():
    with pytest.raises(ConfigErrors) as caught:
        PreparationRecipe(foreground=2, pixel_mm=0, size=[4], phase="smoth")
    assert len(caught.value.problems) == 4
    assert "Did you mean 'smooth'?" in str(caught.value)
