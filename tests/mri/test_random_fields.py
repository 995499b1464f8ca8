"""Laws of smooth random fields."""

import numpy as np
from numpy.testing import assert_allclose

from flmrcm.mri.random_fields import draw_smooth_field


def field(seed: int, *axes: np.ndarray, scale: float = 30.0) -> np.ndarray:
    return draw_smooth_field(np.random.default_rng(seed), axes, scale)


def test_a_field_is_the_same_however_finely_it_is_looked_at() -> None:
    fine, coarse = np.linspace(-90, 90, 37), np.linspace(-90, 90, 10)
    assert_allclose(field(1, fine, fine)[::4, ::4], field(1, coarse, coarse), atol=1e-5)


def test_every_point_is_standard_normal() -> None:
    axis = np.array([-100.0, 0.0, 37.0])
    draws = np.stack([field(seed, axis) for seed in range(2000)])
    assert_allclose(draws.mean(0), 0, atol=0.1)
    assert_allclose(draws.std(0), 1, atol=0.1)


def test_neighbours_agree_and_strangers_do_not() -> None:
    axis = np.array([0.0, 1.0, 100.0])
    here, near, far = np.stack([field(seed, axis) for seed in range(500)]).T
    assert np.corrcoef(here, near)[0, 1] > 0.99
    assert abs(np.corrcoef(here, far)[0, 1]) < 0.15
