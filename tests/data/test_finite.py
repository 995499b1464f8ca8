"""Numbers that can't be computed with are found wherever they are."""

import numpy as np
import pytest

from flmrcm.data.finite import is_finite

TYPES = [np.complex64, np.complex128, np.float16, np.float32, np.float64, np.uint16, np.int32]


@pytest.mark.parametrize("dtype", TYPES)
def test_numbers_of_every_type_are_finite_up_to_the_largest(dtype):
    real = np.empty(0, dtype).real.dtype
    largest = np.finfo(real).max if real.kind == "f" else np.iinfo(real).max
    assert is_finite(np.full((2, 3), largest, dtype))
    assert is_finite(np.zeros((0, 3), dtype))


@pytest.mark.parametrize("dtype", TYPES[:5])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (1, 2, 3)])
@pytest.mark.filterwarnings("error")
def test_a_single_one_is_enough_among_small_and_among_huge_ones(dtype, bad, place):
    for others in (1, np.finfo(np.empty(0, dtype).real.dtype).max):
        array = np.full((2, 3, 4), others, dtype)
        array[place] = bad
        assert not is_finite(array)
        assert not is_finite(array.swapaxes(0, 2))


@pytest.mark.parametrize("dtype", TYPES[:2])
def test_an_imaginary_part_counts(dtype):
    assert not is_finite(np.array([1, complex(0, np.nan)], dtype))
