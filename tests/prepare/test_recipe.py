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


@pytest.mark.parametrize("size", [None, [16, 24], [15, 33]])
@pytest.mark.parametrize("pixel_mm", [None, 0.7, 1.7])
def test_whatever_is_cut_and_resampled_the_head_stays_where_it_is(size, pixel_mm):
    affine = np.array([[0, 0.2, 2, 5], [0.3, -1, 0, 7], [3, 0, 0.1, -9], [0, 0, 0, 1]])
    image = np.zeros((9, 22, 11), np.float32)
    image[2:7, 7:15, 4:8] = head((5, 8, 4))
    scan = make_scan(image, (3.0, 1.0, 2.0), affine=affine)
    moved = PreparationRecipe(size=size, pixel_mm=pixel_mm).apply(scan, ("subject",)).scan
    np.testing.assert_allclose(find_middle(moved), find_middle(scan), atol=0.05)
    np.testing.assert_allclose(
        np.linalg.norm(moved.affine[:3, :3], axis=0) / np.linalg.norm(affine[:3, :3], axis=0),
        np.divide(moved.voxel_mm, scan.voxel_mm),
    )


def find_middle(scan):
    """Return where the centre of mass lies, mm."""
    weights = scan.image / scan.image.sum()
    middle = [(weights * numbers).sum() for numbers in np.indices(scan.image.shape)]
    return (scan.affine @ [*middle, 1])[:3]


def test_a_scan_that_does_not_say_where_it_lies_says_nothing_later():
    assert PreparationRecipe(size=[8, 24]).apply(make_scan(volume()), ("s",)).scan.affine is None


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
