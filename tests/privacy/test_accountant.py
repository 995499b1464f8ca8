"""What is spent: two other accountants agree, and spending adds up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flmrcm.errors import ConfigErrors
from flmrcm.privacy.accountant import (
    ORDERS,
    Spending,
    add_epsilon,
    compute_rdp,
    find_epsilon,
    find_noise,
)

CASES = [
    (16 / 369, 1.0, 2300, 1 / 3690),
    (8 / 60, 2.0, 750, 1 / 600),
    (4 / 20, 4.0, 300, 1 / 200),
    (16 / 600, 1.0, 3750, 1e-4),
    (0.5, 4.0, 300, 1e-3),
    (0.999, 3.0, 20, 1e-3),
    (1.0, 5.0, 50, 1e-5),
    (1e-4, 1.0, 100_000, 1e-6),
]


@pytest.mark.parametrize(("rate", "noise", "steps", "delta"), CASES)
def test_epsilon_is_that_of_opacus_to_a_percent(rate, noise, steps, delta):
    rdp = pytest.importorskip("opacus.accountants.analysis.rdp")
    theirs = rdp.compute_rdp(
        q=rate, noise_multiplier=noise, steps=steps, orders=[float(a) for a in ORDERS]
    )
    assert compute_rdp(rate, noise, steps) == pytest.approx(np.array(theirs), rel=1e-4)
    orders = [*(1 + x / 10 for x in range(1, 100)), *range(12, 64)]  # those Opacus counts at
    theirs = rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=orders)
    epsilon, _ = rdp.get_privacy_spent(orders=orders, rdp=theirs, delta=delta)
    assert add_epsilon([Spending(rate, noise, steps)], delta) == pytest.approx(epsilon, rel=0.01)


@pytest.mark.parametrize(("rate", "noise", "steps", "delta"), CASES[:5])
def test_the_numbers_of_a_privacy_loss_are_no_larger_and_near(rate, noise, steps, delta):
    accountants = pytest.importorskip("opacus.accountants")
    second = accountants.PRVAccountant()
    second.history = [(noise, rate, steps)]
    theirs = second.get_epsilon(delta, eps_error=0.05, delta_error=delta / 1000)
    ours = add_epsilon([Spending(rate, noise, steps)], delta)
    assert theirs - 0.05 <= ours <= 1.25 * theirs + 0.05


def test_without_sampling_it_is_the_gaussian_mechanism():
    assert compute_rdp(1, 2.0, 3) == pytest.approx(3 * ORDERS / 8)
    assert compute_rdp(1 - 1e-12, 2.0) == pytest.approx(compute_rdp(1, 2.0), rel=1e-4)
    assert not compute_rdp(0, 2.0).any()
    assert find_epsilon(compute_rdp(0, 2.0), 0.1) == 0


@given(st.floats(0.01, 1), st.floats(0.6, 8), st.integers(1, 200), st.integers(1, 200))
def test_spending_adds_up_however_it_is_divided(rate, noise, first, second):
    whole = add_epsilon([Spending(rate, noise, first + second)], 1e-3)
    parts = [Spending(rate, noise, first), Spending(rate, noise, second)]
    assert add_epsilon(parts, 1e-3) == pytest.approx(whole)
    assert add_epsilon(parts[:1], 1e-3) < whole
    assert add_epsilon([parts[0], Spending(rate, noise / 2, second)], 1e-3) > whole


@pytest.mark.parametrize("target", [0.5, 2, 8])
def test_the_noise_that_is_found_is_enough_and_hardly_more(target):
    noise = find_noise(target, 0.2, 300, 1e-3)
    spent = [add_epsilon([Spending(0.2, x, 300)], 1e-3) for x in (noise, noise * (1 - 3e-4))]
    assert spent[0] <= target < spent[1]


def test_a_target_that_no_noise_reaches_is_one_line():
    with pytest.raises(ConfigErrors, match=r"privacy.target_epsilon=1e-09: no noise is enough"):
        find_noise(1e-9, 1, 1000, 1e-9)
