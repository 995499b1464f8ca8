"""A simulated head: complete, reproducible, and with everything in its place."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from flmrcm.simulation.anatomy import Grid, compute_tissue_amounts
from flmrcm.simulation.tissues import BRAIN, TISSUES

SIZE = 96
GRID = Grid(size=SIZE, field_mm=240.0, slices=2)
WHITE, CSF, BONE = (TISSUES.index(name) for name in ("white", "csf", "bone"))


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    return compute_tissue_amounts(GRID, "someone")


def test_tissues_fill_the_head_and_nothing_else(head: np.ndarray) -> None:
    total = head.sum(0)
    assert head.min() >= 0
    assert_allclose(total[:, 40:56, 40:56], 1, atol=0.2)
    assert_array_equal(total[:, [0, -1], :], 0)


def test_deep_in_the_brain_a_pixel_is_of_one_tissue(head: np.ndarray) -> None:
    amounts = head / np.maximum(head.sum(0), 1e-6)
    deep = ndimage.binary_erosion(amounts[BRAIN].sum(0) > 0.5, np.ones((1, 9, 9)))
    assert (amounts[WHITE][deep] > 0.9).mean() > 0.25, "white matter is white matter"
    assert (amounts[CSF][deep] > 0.5).mean() < 0.2, "the ventricles are the smaller part"


def test_one_address_is_one_person(head: np.ndarray) -> None:
    assert_array_equal(head, compute_tissue_amounts(GRID, "someone"))
    assert np.abs(head - compute_tissue_amounts(GRID, "someone else")).mean() > 0.005


def test_a_person_is_the_same_on_a_finer_grid(head: np.ndarray) -> None:
    fine = compute_tissue_amounts(Grid(size=2 * SIZE, field_mm=240.0, slices=2), "someone")
    assert_allclose(fine[..., ::2, ::2], head, atol=1e-3)


def test_the_brain_lies_within_the_bone(head: np.ndarray) -> None:
    row = head[:, 0, SIZE // 2]
    brain, bone = np.flatnonzero(row[BRAIN].sum(0) > 0.5), np.flatnonzero(row[BONE] > 0.5)
    assert bone[0] < brain[0] < brain[-1] < bone[-1]


def test_the_forehead_is_up_and_narrower_than_the_back_of_the_head(head: np.ndarray) -> None:
    width = (head[:, 0].sum(0) > 0.5).sum(1)
    rows = np.flatnonzero(width)
    widest = np.flatnonzero(width > 0.98 * width.max()).mean()
    assert len(rows) > width.max(), "heads are longer than wide"
    assert widest > rows.mean() + 2


def test_slices_lie_evenly_between_floor_and_ceiling() -> None:
    z, y, x = Grid(size=8, field_mm=240.0, slices=4, thickness_mm=5.0).compute_axes()
    assert len(z) == 4 * 3
    assert_allclose(np.diff(z.reshape(4, 3).mean(1)), 15.5)
    assert y[4] == x[4] == 0
    assert y[0] > y[-1], "anterior is up"
    assert x[0] > x[-1], "the patient's right is on the left"
