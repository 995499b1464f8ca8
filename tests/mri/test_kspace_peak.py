"""The peak of k-space is found wherever it lies, and moved without changing the image."""

import numpy as np
import pytest
import torch
from kits.raw_files import plain_kspace
from numpy.testing import assert_allclose, assert_array_equal

from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.kspace_peak import center_peak, measure_peak


def shifted(rows: int, columns: int, size: tuple[int, int] = (16, 32)) -> np.ndarray:
    """Return k-space of a slice, (1, rows, columns), with its peak off the centre."""
    return np.roll(plain_kspace(size)[:1], (rows, columns), (-2, -1))


@pytest.mark.parametrize("size", [(16, 32), (15, 31), (17, 8)])
@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 3), (-5, 2), (4, -3)])
def test_the_offset_is_measured_and_undone(size: tuple[int, int], rows: int, columns: int) -> None:
    kspace = shifted(rows, columns, size)
    peak = measure_peak(kspace)
    assert (peak.rows, peak.columns) == (rows, columns)
    assert_array_equal(center_peak(kspace, peak), shifted(0, 0, size))


def test_the_magnitude_of_the_image_stays() -> None:
    kspace = shifted(3, 5)
    before, after = (
        ifft2c(torch.from_numpy(array)).abs()
        for array in (kspace, center_peak(kspace, measure_peak(kspace)))
    )
    assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize(("columns", "is_off"), [(0, False), (1, False), (-1, False), (2, True)])
def test_one_column_does_no_harm(columns: int, is_off: bool) -> None:
    assert (measure_peak(shifted(0, columns)).excess > 2) == is_off


@pytest.mark.parametrize(("columns", "is_off"), [(2, False), (-2, False), (3, True), (-3, True)])
def test_nor_does_a_hundredth_of_many_columns(columns: int, is_off: bool) -> None:
    assert (measure_peak(shifted(0, columns, (8, 256))).excess > 2) == is_off


def test_a_readout_off_the_centre_is_measured_and_no_fault() -> None:
    assert measure_peak(shifted(6, 0)).excess == 1


def test_broken_and_empty_kspace_has_a_peak_too() -> None:
    kspace = shifted(0, 4)
    kspace[0, 3, 3], kspace[0, 5, 5] = np.nan, np.inf
    assert measure_peak(kspace).columns == 4
    assert measure_peak(0 * shifted(0, 4)).excess == 1
