"""Orientation: the slices of an image don't depend on the order and direction of its axes."""

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import from_matvec
from nibabel.eulerangles import euler2mat
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from flmrcm.prepare.orientation import PLANES, reorient
from flmrcm.prepare.scan import UnusableVolume

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])  # to the right, to the front, up
ORIENTATIONS = [
    tuple(pair[side] for pair, side in zip(pairs, sides, strict=True))
    for pairs in permutations(("RL", "AP", "SI"))
    for sides in product((0, 1), repeat=3)
]


def numbers():
    """Return an array that has another value in every voxel."""
    return np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)


def store(codes):
    """Return the array with axes in other directions, and its affine."""
    image = nib.Nifti1Image(numbers(), AFFINE)
    image = image.as_reoriented(ornt_transform(io_orientation(AFFINE), axcodes2ornt(codes)))
    return np.asarray(image.dataobj), image.affine


def test_all_48_ways_to_store_an_image_give_the_same_slices():
    expected = reorient(numbers(), AFFINE)
    assert len(ORIENTATIONS) == 48
    for codes in ORIENTATIONS:
        oriented = reorient(*store(codes))
        assert oriented.native_orientation == "".join(codes)
        assert oriented.voxel_mm == expected.voxel_mm == (3.0, 2.0, 1.0)
        np.testing.assert_array_equal(oriented.image, expected.image)


def test_slices_are_numbered_upwards_rows_to_the_back_and_columns_to_the_left():
    image = reorient(numbers(), AFFINE).image
    lowest_front_right = numbers()[1, 2, 0]
    assert image[0, 0, 0] == lowest_front_right
    assert image[1, 0, 0] == numbers()[1, 2, 1]
    assert image[0, 1, 0] == numbers()[1, 1, 0]
    assert image[0, 0, 1] == numbers()[0, 2, 0]


@pytest.mark.parametrize("plane", PLANES)
def test_every_voxel_stays_where_it_is_in_the_patient(plane):
    oblique = from_matvec(euler2mat(0.3, 0.2, 0.1) @ AFFINE[:3, :3], [7.0, -5.0, 3.0])
    oriented = reorient(numbers(), oblique, plane)
    for place, value in np.ndenumerate(numbers()):
        moved = np.argwhere(oriented.image == value)[0]
        np.testing.assert_allclose(oriented.affine @ [*moved, 1], oblique @ [*place, 1])


@pytest.mark.parametrize(("plane", "letters"), PLANES.items())
def test_each_plane_has_the_directions_of_its_letters(plane, letters):
    oriented = reorient(numbers(), AFFINE, plane)
    assert oriented.orientation == letters
    sizes = {"R": 2, "L": 2, "A": 3, "P": 3, "S": 4, "I": 4}
    assert oriented.image.shape == tuple(sizes[letter] for letter in letters)


def test_an_oblique_scan_keeps_its_values_and_its_spacing():
    affine = from_matvec(euler2mat(0.2, 0.1, 0.3) @ AFFINE[:3, :3], [5, 6, 7])
    oriented = reorient(numbers(), affine)
    np.testing.assert_allclose(oriented.voxel_mm, (3, 2, 1))
    np.testing.assert_array_equal(oriented.image, reorient(numbers(), AFFINE).image)


@pytest.mark.parametrize(
    "affine", [np.diag([1.0, 0, 1, 1]), np.ones((4, 4)), np.full((4, 4), np.nan)]
)
def test_an_affine_that_cannot_be_inverted_is_refused(affine):
    with pytest.raises(UnusableVolume, match="can't be inverted"):
        reorient(numbers(), affine)


def test_the_affine_of_tiny_voxels_is_accepted():
    assert reorient(numbers(), np.diag([1e-3, 1e-3, 1e-3, 1])).voxel_mm == (1e-3, 1e-3, 1e-3)
