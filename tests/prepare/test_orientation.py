"""Laws of reorienting: however an image is stored, its slices are the same."""

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
WAYS = [
    tuple(pair[side] for pair, side in zip(pairs, sides, strict=True))
    for pairs in permutations(("RL", "AP", "SI"))
    for sides in product((0, 1), repeat=3)
]


def marked():
    return np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)


def stored(codes):
    image = nib.Nifti1Image(marked(), AFFINE)
    image = image.as_reoriented(ornt_transform(io_orientation(AFFINE), axcodes2ornt(codes)))
    return np.asarray(image.dataobj), image.affine


def test_all_48_ways_to_store_an_image_give_the_same_slices():
    wanted = reorient(marked(), AFFINE)
    assert len(WAYS) == 48
    for codes in WAYS:
        found = reorient(*stored(codes))
        assert found.native_orientation == "".join(codes)
        assert found.voxel_mm == wanted.voxel_mm == (3.0, 2.0, 1.0)
        np.testing.assert_array_equal(found.image, wanted.image)


def test_slices_lead_up_rows_back_and_columns_to_the_left():
    image = reorient(marked(), AFFINE).image
    lowest_front_right = marked()[1, 2, 0]
    assert image[0, 0, 0] == lowest_front_right
    assert image[1, 0, 0] == marked()[1, 2, 1]
    assert image[0, 1, 0] == marked()[1, 1, 0]
    assert image[0, 0, 1] == marked()[0, 2, 0]


@pytest.mark.parametrize(("plane", "letters"), PLANES.items())
def test_each_plane_lies_as_its_letters_say(plane, letters):
    found = reorient(marked(), AFFINE, plane)
    assert found.orientation == letters
    sizes = {"R": 2, "L": 2, "A": 3, "P": 3, "S": 4, "I": 4}
    assert found.image.shape == tuple(sizes[letter] for letter in letters)


def test_an_oblique_scan_keeps_its_values_and_its_spacing():
    affine = from_matvec(euler2mat(0.2, 0.1, 0.3) @ AFFINE[:3, :3], [5, 6, 7])
    found = reorient(marked(), affine)
    np.testing.assert_allclose(found.voxel_mm, (3, 2, 1))
    np.testing.assert_array_equal(found.image, reorient(marked(), AFFINE).image)


@pytest.mark.parametrize(
    "affine", [np.diag([1.0, 0, 1, 1]), np.ones((4, 4)), np.full((4, 4), np.nan)]
)
def test_an_affine_that_cannot_be_inverted_is_skipped(affine):
    with pytest.raises(UnusableVolume, match="can't be inverted"):
        reorient(marked(), affine)


def test_tiny_voxels_are_no_singular_affine():
    assert reorient(marked(), np.diag([1e-3, 1e-3, 1e-3, 1])).voxel_mm == (1e-3, 1e-3, 1e-3)
