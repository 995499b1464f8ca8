"""Values that can't be a magnitude are refused, all others stay as they are."""

import numpy as np
import pytest
from kits.prepare import head, make_scan

from flmrcm.prepare.intensity import clean_values, compute_statistics
from flmrcm.prepare.scan import UnusableVolume


def test_the_scale_of_values_stays():
    scan, n_negative = clean_values(make_scan(head() * 1e4))
    np.testing.assert_array_equal(scan.image, head() * 1e4)
    assert n_negative == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_single_nan_or_infinity_is_refused(value):
    image = head()
    image[1, 2, 3] = value
    with pytest.raises(UnusableVolume, match="NaN or infinity"):
        clean_values(make_scan(image))


@pytest.mark.parametrize("value", [0, 7, -3])
def test_a_constant_image_is_refused(value):
    with pytest.raises(UnusableVolume, match=f"every voxel is {value}"):
        clean_values(make_scan(np.full((2, 3, 4), value, np.float32)))


def test_small_negative_values_become_zero_and_are_counted():
    image = head()
    image[0, 0, :5] = -1
    scan, n_negative = clean_values(make_scan(image))
    assert (scan.image.min(), n_negative) == (0, 5)


def test_a_phase_image_is_refused():
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (3, 8, 8)).astype(np.float32)
    with pytest.raises(UnusableVolume, match="isn't a magnitude"):
        clean_values(make_scan(phase))


def test_complex_values_are_accepted():
    image = (head() * np.exp(2j)).astype(np.complex64)
    scan, n_negative = clean_values(make_scan(image))
    assert (scan.image is image, n_negative) == (True, 0)


def test_statistics_are_those_of_all_voxels():
    image = head()
    statistics = compute_statistics(image)
    assert statistics["mean"] == pytest.approx(image.mean(), rel=1e-5)
    assert statistics["std"] == pytest.approx(image.std(), rel=1e-5)
    assert statistics["p99"] == pytest.approx(np.percentile(image, 99))
