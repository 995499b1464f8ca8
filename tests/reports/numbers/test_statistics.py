"""Laws of paired statistics."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import rankdata

from flmrcm.reports.numbers.statistics import (
    LEAST_VOLUMES,
    compute_attainable_p,
    compute_differences,
    compute_interval,
    holm,
    rank_biserial,
    run_paired_test,
    signed_rank,
)


def two_methods(n, seed=0):
    return np.random.default_rng((n, seed)).normal(30, 1, (2, n))


def by_all_flips(d):
    """The definition: how many of all sign flips are as lopsided as what was seen."""
    d = np.array([x for x in d if x])
    ranks = rankdata(np.abs(d))
    lopsided = [abs(np.dot(signs, ranks)) for signs in product((-1, 1), repeat=len(d))]
    return np.mean(np.array(lopsided) >= abs(np.dot(np.sign(d), ranks)) - 1e-9)


@pytest.mark.parametrize("n", [2, 5, 8, 60])
def test_swapping_the_methods_flips_the_signs_and_keeps_p(n):
    one, two = two_methods(n)
    there, back = run_paired_test(one, two), run_paired_test(two, one)
    assert (back.p, back.attainable, back.n) == (there.p, there.attainable, there.n)
    assert (back.difference, back.effect) == pytest.approx((-there.difference, -there.effect))
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=0.02)


def test_the_difference_is_the_first_minus_the_second():
    result = run_paired_test([31.0, 32.0, 34.0], [30.0, 30.0, 30.0])
    assert (result.difference, result.effect) == (pytest.approx(7 / 3), 1)


@pytest.mark.parametrize("n", range(1, 13))
def test_p_is_never_below_what_is_attainable(n):
    one, two = two_methods(n)
    assert run_paired_test(one, two).p >= compute_attainable_p(n)
    assert run_paired_test(one + 9, two).p == pytest.approx(compute_attainable_p(n))


def test_six_volumes_are_the_fewest_that_can_be_significant():
    assert compute_attainable_p(LEAST_VOLUMES) < 0.05 < compute_attainable_p(LEAST_VOLUMES - 1)


@pytest.mark.parametrize(
    "d", [[1, -2, 3, 4, 5, 6.5], [1, 1, -1, 2, 2, 3], [0, 0, 1, -2, 3, 4], [-1, -1, -1]]
)
def test_p_counts_all_sign_flips_with_ties_and_zeros_too(d):
    p, way = signed_rank(np.array(d, float))
    assert p == pytest.approx(by_all_flips(d))
    assert way.startswith("exact")


def test_equal_volumes_are_dropped_and_told():
    assert signed_rank(np.array([0.0, 0, 1, 2])) == (0.5, "exact, 2 equal volumes dropped")
    assert run_paired_test([1, 2, 3, 5], [1, 2, 0, 0]).attainable == compute_attainable_p(2)


def test_one_method_against_itself_gives_p_of_one():
    same = run_paired_test([30.0, 31.0, 32.0], [30.0, 31.0, 32.0])
    assert (same.p, same.attainable, same.effect, same.difference) == (1.0, 1.0, 0.0, 0.0)
    assert (same.low, same.high, same.way) == (0.0, 0.0, "equal on every volume")


def test_rounding_is_no_difference():
    thirds = np.mean([[0.1, 0.7], [0.1, 0.7], [0.1, 0.7]], axis=0)
    assert compute_differences(thirds, [0.1, 0.7]).tolist() == [0.0, 0.0]


def test_many_volumes_are_approximated_and_told():
    assert run_paired_test(*two_methods(50)).way == "exact"
    assert run_paired_test(*two_methods(51)).way == "normal approximation"
    assert signed_rank(np.repeat([1.0, 2, -1], 5))[1] == "normal approximation"


def test_effect_is_the_share_of_ranks_won_less_the_share_lost():
    assert rank_biserial(np.array([1.0, 2, 3, -4])) == pytest.approx((6 - 4) / 10)
    assert rank_biserial(np.array([0.5, 7])) == 1
    assert rank_biserial(np.array([-0.5, -7])) == -1


@pytest.mark.parametrize("n", [2, 3, 8, 200])
def test_interval_holds_the_mean_and_is_always_the_same(n):
    d = np.subtract(*two_methods(n))
    low, high = compute_interval(d)
    assert low < d.mean() < high
    assert compute_interval(d) == (low, high)


def test_more_volumes_narrow_the_interval():
    widths = [np.ptp(compute_interval(np.subtract(*two_methods(n)))) for n in (10, 100, 1000)]
    assert widths == sorted(widths, reverse=True)


def test_one_volume_has_no_interval():
    assert np.isnan(compute_interval(np.array([1.0]))).all()


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.6]).tolist() == [0.8, 0.8]
    assert holm([]).tolist() == []


def test_holm_is_never_below_the_raw_p_nor_above_one_and_keeps_the_order():
    raw = np.random.default_rng(0).uniform(0, 1, 30) ** 3
    corrected = holm(raw)
    assert (corrected >= raw).all()
    assert corrected.max() <= 1
    assert (np.diff(corrected[np.argsort(raw)]) >= 0).all()


def test_equal_differences_tie_though_they_were_rounded():
    # 20.1 + 0.1 − 20.1 isn't 30.3 + 0.1 − 30.3; scores of six digits tie that often
    second = np.array([20.1, 30.3, 21.7, 29.9, 33.3, 18.2])
    first = np.round(second + np.array([0.1, 0.1, 0.1, -0.1, -0.1, -0.1]), 4)
    result = run_paired_test(first, second)
    assert (result.p, result.effect) == (1.0, 0.0)
    assert compute_differences([1e-300], [2e-300]).tolist() == [-1e-300]
