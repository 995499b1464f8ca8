"""What was acquired, said so that cropping, padding and resampling leave it alone."""

import numpy as np
import pytest
from kits.prepare import make_scan

from flmrcm.prepare.phase_band import (
    choose_columns,
    compute_band,
    compute_columns,
    find_acquired_columns,
)
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import UnusableVolume


def kspace(*zero, columns=20):
    array = np.ones((2, 8, columns), np.complex64)
    for part in zero:
        array[..., part] = 0
    return array


def test_the_acquired_columns_are_those_between_the_zeros():
    assert find_acquired_columns(kspace(slice(0, 3), slice(17, None))) == slice(3, 17)
    assert find_acquired_columns(kspace()) == slice(0, 20)
    assert find_acquired_columns(kspace(slice(None))) == slice(0, 20)


def test_corners_may_be_missing_but_neither_columns_nor_most_samples():
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, n) for n in (8, 20)), indexing="ij")
    elliptic = kspace() * (rows**2 + columns**2 <= 1.1)
    assert find_acquired_columns(elliptic) == slice(0, 20)
    with pytest.raises(UnusableVolume, match="undersampled"):
        find_acquired_columns(kspace(slice(4, 6)))
    sparse = np.random.default_rng(0).random((8, 20)) < 0.2
    with pytest.raises(UnusableVolume, match=r"undersampled \(\d\d% of its samples are zero\)"):
        find_acquired_columns(kspace() * sparse)


@pytest.mark.parametrize("columns", [slice(0, 20), slice(0, 17), slice(3, 20), slice(4, 15)])
@pytest.mark.parametrize("width", [20, 21])
def test_in_the_same_matrix_the_same_columns_come_back(columns, width):
    band = compute_band(columns, width, 0.9)
    assert compute_columns(band, width, 0.9) == columns


def test_a_larger_matrix_and_finer_pixels_have_the_same_frequencies():
    band = compute_band(slice(0, 145), 170, 1.0)
    assert compute_columns(band, 256, 1.0) == slice(0, 217)  # 59 / 170 cycles per mm: column 216
    full = compute_band(slice(0, 24), 24, 2.0)
    assert compute_columns(full, 48, 1.0) == slice(12, 36)


def test_coarser_pixels_keep_all_columns():
    band = compute_band(slice(4, 20), 24, 1.0)
    assert compute_columns(band, 12, 2.0) == slice(0, 12)


def test_all_columns_of_a_magnitude_are_written():
    image = np.ones((2, 8, 8), np.complex64)
    band = compute_band(slice(2, 6), 8, 1.0)
    assert choose_columns(make_scan(image, phase_band=band)) == slice(2, 6)
    assert choose_columns(make_scan(np.abs(image), phase_band=band)) is None
    assert choose_columns(make_scan(image)) is None


def test_what_is_written_is_zero_outside_the_band_also_after_padding():
    rng = np.random.default_rng(0)
    image = (rng.random((4, 16, 20)) + 1j * rng.random((4, 16, 20))).astype(np.complex64)
    scan = make_scan(image, phase_band=compute_band(slice(0, 17), 20, 1.0))
    for size, end in ((None, 17), ([16, 40], 33)):
        written = PreparationRecipe(foreground=0, size=size).apply(scan).encoded.kspace
        assert not written[..., end:].any()
        assert written[..., :end].any((0, 1)).all()
