"""In-plane geometry: discs stay round, and the centre stays the centre."""

import numpy as np
import pytest
from kits.prepare import make_scan

from flmrcm.prepare.geometry import crop_or_pad, fit_matrix, resample_to_square


def disc(size, voxel_mm, radius_mm=8.0):
    rows, columns = (
        (np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(size, voxel_mm, strict=True)
    )
    return (np.hypot(rows[:, None], columns) < radius_mm).astype(np.float32)[None]


def widths(image):
    inside = image[0] > 0.5
    return inside.any(1).sum(), inside.any(0).sum()


def test_a_disc_with_pixels_that_are_not_square_becomes_round():
    scan = resample_to_square(make_scan(disc((32, 16), (1, 2)), (3.0, 1.0, 2.0)))
    assert scan.image.shape == (1, 32, 32)
    assert scan.voxel_mm == (3.0, 1.0, 1.0)
    assert abs(widths(scan.image)[0] - widths(scan.image)[1]) <= 1


def test_square_pixels_are_not_changed():
    scan = make_scan(disc((32, 30), (0.9, 0.9)), (5.0, 0.9, 0.9001))
    assert resample_to_square(scan) is scan


def test_the_pixel_size_can_be_chosen():
    scan = resample_to_square(make_scan(disc((32, 32), (1, 1)), (3.0, 1.0, 1.0)), pixel_mm=2.0)
    assert (scan.image.shape, scan.voxel_mm) == ((1, 16, 16), (3.0, 2.0, 2.0))
    assert widths(scan.image) == (8, 8)


def test_the_voxel_size_follows_from_the_whole_number_of_pixels():
    scan = resample_to_square(make_scan(disc((33, 21), (1, 1.3)), (3.0, 1.0, 1.3)))
    assert scan.voxel_mm[2] != 1.0  # 27.3 mm are no whole number of the finer side
    np.testing.assert_allclose(scan.image.shape[2] * scan.voxel_mm[2], 21 * 1.3)


def test_resampling_makes_no_negative_magnitude():
    assert resample_to_square(make_scan(disc((32, 16), (1, 2)), (3.0, 1.0, 2.0))).image.min() >= 0


def test_complex_images_are_resampled_with_their_phase_and_coils():
    image = np.broadcast_to(disc((32, 16), (1, 2))[:, None] * np.exp(1j), (1, 3, 32, 16))
    scan = resample_to_square(make_scan(image.astype(np.complex64), (3.0, 1.0, 2.0)))
    assert scan.image.shape == (1, 3, 32, 32)
    assert np.angle(scan.image[0, 0, 16, 16]) == pytest.approx(1)


@pytest.mark.parametrize("old", [7, 8])
@pytest.mark.parametrize("new", [4, 5, 7, 8, 11, 12])
def test_the_centre_pixel_stays_the_centre_pixel(old, new):
    image = np.zeros((1, old, 6), np.float32)
    image[0, old // 2, 3] = 1
    fitted = crop_or_pad(image, (new, 6))
    assert fitted.shape == (1, new, 6)
    assert fitted[0, new // 2, 3] == 1


def test_padding_and_cropping_back_gives_the_image():
    image = np.random.default_rng(0).random((2, 9, 6), np.float32)
    np.testing.assert_array_equal(crop_or_pad(crop_or_pad(image, (16, 15)), (9, 6)), image)


def test_the_share_of_the_foreground_that_is_cropped_is_returned():
    image = np.ones((1, 10, 10), np.float32)
    assert fit_matrix(make_scan(image), (10, 5))[1] == pytest.approx(0.5)
    assert fit_matrix(make_scan(image), (20, 20))[1] == 0
    assert fit_matrix(make_scan(image), None)[0].image is image
    image[:, :, :5] = 0
    assert fit_matrix(make_scan(image[:, :, ::-1]), (10, 5))[1] > 0
    assert (
        fit_matrix(make_scan(np.pad(np.ones((1, 6, 6)), ((0, 0), (2, 2), (2, 2)))), (8, 8))[1] == 0
    )
