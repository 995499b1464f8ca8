"""Scores of attacks: an affine change costs nothing, a truth is ranked, and guessing is 0.5."""

import numpy as np
import pytest
from kits.attacked import draw_field

from flmrcm.attacks.scoring import (
    compute_auc,
    compute_roc,
    find_interval,
    find_strict_rate,
    fit_affine,
    score_images,
)

POOL = np.stack([draw_field(seed) for seed in range(5)])


def test_offset_and_scale_cost_nothing():
    (like,) = score_images(3 * POOL[2:3] - 7, [2], POOL)
    assert like.ssim == pytest.approx(1)
    assert (like.truth, like.rank, like.among) == (2, 1, 5)
    assert like.wrong != 2
    assert like.wrong_ssim < 0.5


def test_an_image_that_is_another_one_is_ranked_behind_it():
    (like,) = score_images(POOL[4:5], [2], POOL)
    assert like.rank > 1
    assert not like.is_recognised
    assert (like.wrong, like.wrong_ssim) == (4, pytest.approx(1))


def test_an_empty_image_is_not_recognised():
    """It is equally like all of them: nobody is found by it."""
    (like,) = score_images(np.zeros((1, 16, 16)), [2], np.stack([POOL[2]] * 3))
    assert like.rank == 3


def test_reconstructions_without_order_find_their_own_images():
    found = score_images(POOL[[3, 0, 1]], [0, 1, 3], POOL)
    assert [like.truth for like in found] == [3, 0, 1]
    assert all(like.is_recognised for like in found)


def test_the_fit_is_the_least_squares_one():
    image, truth = POOL[0], POOL[1]
    design = np.stack([image.ravel(), np.ones(image.size)], 1)
    expected = design @ np.linalg.lstsq(design, truth.ravel(), rcond=None)[0]
    np.testing.assert_allclose(fit_affine(image, truth).ravel(), expected, atol=1e-10)


def test_auc_is_that_of_the_curve_and_of_the_definition():
    rng = np.random.default_rng(0)
    members, others = rng.normal(0.5, 1, 40), rng.normal(0, 1, 60)
    false, true = compute_roc(members, others)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert compute_auc(members, others) == pytest.approx(np.trapezoid(true, false))
    assert compute_auc(members, members) == 0.5
    assert compute_auc(np.ones(3), np.zeros(3)) == 1


def test_the_strict_rate_accuses_nobody_where_there_are_few():
    members, others = np.array([3.0, 2.0, 1.0, 0.0]), np.array([1.5, 0.5])
    assert find_strict_rate(members, others) == 0.5
    assert find_strict_rate(members, others, most=0.5) == 0.75
    assert find_strict_rate(np.zeros(4), np.zeros(4)) == 0


def test_intervals_hold_the_value_and_narrow_with_more_subjects():
    rng = np.random.default_rng(1)
    widths = []
    for n in (10, 200):
        members, others = rng.normal(1, 1, n), rng.normal(0, 1, n)
        low, high = find_interval(members, others, 0, draws=300)["auc"]
        assert low <= compute_auc(members, others) <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
