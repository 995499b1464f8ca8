"""The centre of a mask that a file brings along."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from flmrcm.mri.masks import Gaussian2D, Magic, Random, find_center, get_center_columns
from flmrcm.mri.masks.columns import ColumnMask

ROWS = 7


def mark(n_columns: int, *columns: int) -> NDArray[np.bool_]:
    mask = np.zeros((1, n_columns), bool)
    mask[0, list(columns)] = True
    return mask


def find_fastmris_center(mask: NDArray[np.bool_]) -> int:
    """Return 2·min(left, right), the runs of measured columns left of N//2 and from it on."""
    middle = mask.size // 2
    left, right = (np.argmin(np.append(m, 0)) for m in (mask[0, :middle][::-1], mask[0, middle:]))
    return 2 * int(min(left, right))


@given(st.lists(st.booleans(), min_size=2, max_size=24))
def test_every_column_of_the_centre_is_measured_and_of_even_many_it_is_fastmris(
    measured: list[bool],
) -> None:
    mask = np.array([measured])
    _, n = find_center(mask, ROWS)
    window = get_center_columns(mask.size, n)
    assert mask[0, window].all()
    assert n == window.stop - window.start
    if (theirs := find_fastmris_center(mask)) and mask.size % 2 == 0:
        assert n == theirs


@pytest.mark.parametrize(
    ("mask", "n"),
    [
        (mark(32, *range(13, 19)), 6),
        (mark(32, *range(12, 19)), 6),
        (mark(32, *range(13, 20)), 6),
        (mark(32, 16), 1),
        (mark(32, 15, 17), 0),
        (mark(32, *range(32)), 32),
        (mark(9, *range(9)), 9),
        (mark(9, 2, 3, 4, 5), 2),
    ],
)
def test_columns_on_either_side_of_the_middle_count(mask: NDArray[np.bool_], n: int) -> None:
    assert find_center(mask, ROWS) == ((ROWS, n) if n else (0, 0))


def test_what_the_file_tells_counts_where_it_was_measured() -> None:
    mask = mark(32, *range(12, 20))
    assert find_center(mask, ROWS) == (ROWS, 8)
    assert find_center(mask, ROWS, told=5) == (ROWS, 5)
    for wrong in (9, 12, 33, -1, 0):
        assert find_center(mask, ROWS, told=wrong) == (ROWS, 8)


@pytest.mark.parametrize("kind", [Random, Magic])
@pytest.mark.parametrize("n_columns", [31, 32, 320])
def test_a_drawn_mask_comes_back_with_its_centre(kind: type[ColumnMask], n_columns: int) -> None:
    mask, center = kind((4,), (0.2,))((ROWS, n_columns), 0)
    assert find_center(mask.numpy(), ROWS, told=center[1]) == center
    assert find_center(mask.numpy(), ROWS)[1] >= center[1] - 1


@pytest.mark.parametrize("size", [(32, 32), (31, 40), (64, 48)])
def test_of_the_plane_it_is_the_largest_square(size: tuple[int, int]) -> None:
    mask, center = Gaussian2D((4,))(size, 0)
    rows, columns = find_center(mask.numpy(), size[0])
    assert rows == columns >= center[0]
    assert mask[get_center_columns(size[0], rows), get_center_columns(size[1], rows)].all()
    larger = rows + 1
    assert not mask[get_center_columns(size[0], larger), get_center_columns(size[1], larger)].all()


def test_a_plane_without_a_centre_has_none() -> None:
    assert find_center(np.eye(8, dtype=bool), 8) == (1, 1)
    assert find_center(~np.eye(8, dtype=bool), 8) == (0, 0)
