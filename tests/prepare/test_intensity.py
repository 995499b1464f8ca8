"""Laws of values: what can't be a magnitude is refused, what can stays as it is."""

import numpy as np
import pytest
from kits.prepare import a_scan, head

from flmrcm.prepare.intensity import clean_values, compute_statistics
from flmrcm.prepare.scan import UnusableVolume


def test_raw_values_stay():
    scan, n_negative = clean_values(a_scan(head() * 1e4))
    np.testing.assert_array_equal(scan.image, head() * 1e4)
    assert n_negative == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_enough(value):
    image = head()
    image[1, 2, 3] = value
    with pytest.raises(UnusableVolume, match="NaN or infinity"):
        clean_values(a_scan(image))


@pytest.mark.parametrize("value", [0, 7, -3])
def test_a_constant_image_is_refused(value):
    with pytest.raises(UnusableVolume, match=f"every voxel is {value}"):
        clean_values(a_scan(np.full((2, 3, 4), value, np.float32)))


def test_ringing_below_zero_is_cut_off_and_counted():
    image = head()
    image[0, 0, :5] = -1
    scan, n_negative = clean_values(a_scan(image))
    assert (scan.image.min(), n_negative) == (0, 5)


def test_a_phase_image_is_no_magnitude():
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (3, 8, 8)).astype(np.float32)
    with pytest.raises(UnusableVolume, match="isn't a magnitude"):
        clean_values(a_scan(phase))


def test_complex_values_pass():
    image = (head() * np.exp(2j)).astype(np.complex64)
    scan, n_negative = clean_values(a_scan(image))
    assert (scan.image is image, n_negative) == (True, 0)


def test_statistics_are_those_of_all_voxels():
    image = head()
    told = compute_statistics(image)
    assert told["mean"] == pytest.approx(image.mean(), rel=1e-5)
    assert told["std"] == pytest.approx(image.std(), rel=1e-5)
    assert told["p99"] == pytest.approx(np.percentile(image, 99))
