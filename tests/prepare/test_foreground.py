"""The choice of slices."""

from pathlib import Path

import numpy as np
import pytest
from kits.prepare import head, make_scan

from flmrcm.prepare.dicom import DicomSource
from flmrcm.prepare.foreground import compute_inside_cut, find_kept_range, trim_empty_ends
from flmrcm.prepare.scan import UnusableVolume

CASES = Path(__file__).parents[3] / "shared" / "cases" / "dicom"


def test_black_slices_at_the_ends_are_dropped_and_one_in_the_middle_stays():
    image = np.zeros((10, 8, 8), np.float32)
    image[[3, 4, 6]] = 1
    scan, slices, _ = trim_empty_ends(make_scan(image), 0.02)
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
    scan, slices, _ = trim_empty_ends(make_scan(image), 0.5)
    assert (slices, scan.image.shape) == (range(1, 3), (2, 2, 8, 8))


def test_the_error_about_too_little_foreground_gives_the_largest_share():
    image = np.zeros((2, 10, 10), np.float32)
    image[0, 0] = 1
    with pytest.raises(UnusableVolume, match=r"foreground of 0\.5 or more, the largest is 0\.1"):
        trim_empty_ends(make_scan(image), 0.5)


def test_no_slices_have_an_empty_range():
    assert not find_kept_range([], 0.1)


def test_one_hot_pixel_costs_no_slice():
    image = head((12, 40, 40))
    clean = trim_empty_ends(make_scan(image), 0.02)
    image[6, 20, 20] = 20 * image.max()
    assert trim_empty_ends(make_scan(image), 0.02)[1] == clean[1]
    assert clean[2] == 0


def test_the_share_of_slices_inside_that_are_lost_is_returned():
    image = np.zeros((14, 10, 10), np.float32)
    image[2:12] = 1  # the patient: ten slices
    image[12:, 0, 0] = 1  # no patient, a few pixels
    assert compute_inside_cut(image, range(2, 12)) == 0
    assert compute_inside_cut(image, range(14)) == 0
    assert compute_inside_cut(image, range(4, 9)) == 0.5
    image[3] = 1000  # what spoils the foreground doesn't spoil this
    assert trim_empty_ends(make_scan(image), 0.02)[1:] == (range(3, 4), 0.9)


@pytest.mark.skipif(not CASES.exists(), reason="no ../shared/cases")
def test_a_hot_voxel_in_a_real_head_costs_no_slice():
    source = DicomSource(str(CASES / "xa30_t1"))
    (volume,) = source.find()
    scan = source.read(volume)
    whole = trim_empty_ends(scan, 0.02)[1]
    image = scan.image.copy()
    image[64, 60, 60] = 5 * image.max()
    hot, lost = trim_empty_ends(scan.with_image(image), 0.02)[1:]
    assert (hot, lost) == (whole, 0)
    assert len(whole) > 115  # of 128; those above the head are empty
