"""The choice of slices."""

import numpy as np
import pytest
from kits.prepare import head, make_scan

from flmrcm.prepare.foreground import find_kept_range, trim_empty_ends
from flmrcm.prepare.scan import UnusableVolume


def test_black_slices_at_the_ends_are_dropped_and_one_in_the_middle_stays():
    image = np.zeros((10, 8, 8), np.float32)
    image[[3, 4, 6]] = 1
    scan, slices = trim_empty_ends(make_scan(image), 0.02)
    assert slices == range(3, 7)
    np.testing.assert_array_equal(scan.image, image[3:7])


def test_an_outer_slice_with_too_little_foreground_is_dropped():
    image = np.zeros((3, 10, 10), np.float32)
    image[0, 0, 0], image[1], image[2, :5] = 1, 1, 1
    assert trim_empty_ends(make_scan(image), 0.02)[1] == range(1, 3)
    assert trim_empty_ends(make_scan(image), 0.01)[1] == range(3)
    assert trim_empty_ends(make_scan(image), 0.51)[1] == range(1, 2)


def test_a_share_of_zero_keeps_everything():
    image = np.zeros((4, 8, 8), np.float32)
    image[2] = 1
    assert trim_empty_ends(make_scan(image), 0)[1] == range(4)


def test_the_scale_does_not_matter():
    image = head()
    assert (
        trim_empty_ends(make_scan(image), 0.1)[1]
        == trim_empty_ends(make_scan(image * 1e-6), 0.1)[1]
    )


def test_the_foreground_of_several_coils_is_that_of_their_combination():
    image = np.zeros((4, 2, 8, 8), np.complex64)
    image[1, 0], image[2, 1] = 1, 1j
    scan, slices = trim_empty_ends(make_scan(image), 0.5)
    assert (slices, scan.image.shape) == (range(1, 3), (2, 2, 8, 8))


def test_the_error_about_too_little_foreground_gives_the_largest_share():
    image = np.zeros((2, 10, 10), np.float32)
    image[0, 0] = 1
    with pytest.raises(UnusableVolume, match=r"foreground of 0\.5 or more, the largest is 0\.1"):
        trim_empty_ends(make_scan(image), 0.5)


def test_no_slices_have_an_empty_range():
    assert not find_kept_range([], 0.1)
