"""The magnitude of a scan."""

import numpy as np

from flmrcm.prepare.scan import Scan

RNG = np.random.default_rng(0)


def scan(image):
    return Scan(image, (1.0, 1.0, 1.0), "RAS", image.shape, "measured")


def test_the_magnitude_of_coils_is_their_root_sum_of_squares():
    coils = RNG.normal(size=(3, 4, 5, 6)) + 1j * RNG.normal(size=(3, 4, 5, 6))
    expected = np.sqrt((np.abs(coils) ** 2).sum(1))
    np.testing.assert_allclose(scan(coils).magnitude, expected, rtol=1e-6)


def test_a_magnitude_stays_as_it_is():
    image = RNG.uniform(size=(3, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(scan(image).magnitude, image)
