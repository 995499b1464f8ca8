"""What noisy training spends of a privacy budget: Rényi differential privacy, composed by adding.

The sampled Gaussian mechanism (Mironov, Talwar and Zhang, arXiv 1908.10530, section 3.3): units are
drawn each on its own with probability q, their clipped sum gets noise of σ times the clip. RDP
becomes (ε, δ) as in Canonne, Kamath and Steinke (arXiv 2004.00010, proposition 12).
"""

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import binom, gammaln, log_ndtr, logsumexp

from flmrcm.errors import ConfigErrors

_FRACTIONAL = np.array([a / 20 for a in range(21, 220) if a % 20])
_WHOLE = np.array([*range(2, 64), *range(64, 513, 32)], dtype=float)
ORDERS = np.concatenate([_FRACTIONAL, _WHOLE])
"""The orders α at which spending is counted; ε is the least that any of them gives."""

_NOTHING = np.zeros(len(ORDERS))

_MOST_NOISE = 1e4
_TERMS = np.arange(256.0)
"""Of the series for an order that isn't whole; beyond the order they fall faster than a power."""

_COEFFICIENTS = binom(_FRACTIONAL[:, None], _TERMS)

RDP = NDArray[np.float64]
"""Rényi divergences at `ORDERS`: what several mechanisms spend adds up."""


class Spending(NamedTuple):
    """Steps of the sampled Gaussian mechanism.

    Attributes:
        rate: q in [0, 1], each unit's probability to be in a step.
        noise: σ > 0, standard deviation of the noise in units of the clip.
        steps: how many.
    """

    rate: float
    noise: float
    steps: int


def add_epsilon(spent: Iterable[Spending], delta: float) -> float:
    """Return the ε of all spending together, at a δ in (0, 1)."""
    steps: Counter[tuple[float, float]] = Counter()
    for rate, noise, count in spent:
        steps[rate, noise] += count
    return find_epsilon(sum((compute_rdp(*key, n) for key, n in steps.items()), _NOTHING), delta)


def compute_rdp(rate: float, noise: float, steps: int = 1) -> RDP:
    """Return what so many steps of the sampled Gaussian mechanism spend.

    Args:
        rate: q in [0, 1], each unit's probability to be in a step.
        noise: σ > 0, standard deviation of the noise in units of the clip.
        steps: how many.
    """
    return steps * _compute_step(rate, noise)


def find_epsilon(rdp: RDP, delta: float) -> float:
    """Return the ε ≥ 0 of what was spent, at a δ in (0, 1); 0 where nothing was."""
    if not rdp.any():
        return 0.0
    epsilons = rdp + np.log1p(-1 / ORDERS) - (np.log(delta) + np.log(ORDERS)) / (ORDERS - 1)
    return max(0.0, float(np.nanmin(epsilons)))


def find_noise(target: float, rate: float, steps: int, delta: float) -> float:
    """Return the least σ, to a part in 10⁴ on the safe side, with which steps spend at most ε.

    Args:
        target: ε > 0.
        rate: q in [0, 1].
        steps: in all.
        delta: in (0, 1).

    Raises:
        ConfigErrors: no σ up to 10⁴ is enough.
    """

    def exceed(log_noise: float) -> float:
        spent = find_epsilon(compute_rdp(rate, math.exp(log_noise), steps), delta)
        return math.log(max(spent, 1e-12) / target)

    low, high = math.log(0.1), math.log(_MOST_NOISE)
    if exceed(high) > 0:
        raise ConfigErrors(
            [f"privacy.target_epsilon={target:g}: no noise is enough; ask for more, or a larger δ."]
        )
    if exceed(low) <= 0:
        return math.exp(low)
    return math.exp(cast(float, brentq(exceed, low, high, xtol=5e-5)) + 5e-5)


@lru_cache(1000)
def _compute_step(rate: float, noise: float) -> RDP:
    if rate == 0:
        return _NOTHING
    if rate == 1:
        return ORDERS / (2 * noise**2)
    moments = _compute_fractional(rate, noise), _compute_whole(rate, noise)
    return np.concatenate(moments) / (ORDERS - 1)


def _compute_whole(rate: float, noise: float) -> RDP:
    """Return log A_α of the whole orders, α in 2, 3, …: equation 6; rate in (0, 1)."""
    order, i = _WHOLE[:, None], np.arange(_WHOLE.max() + 1)
    # a term that an order does not have is log 0
    log_binom = gammaln(order + 1) - gammaln(i + 1) - gammaln(np.maximum(order - i, 0) + 1)
    log_draws = i * math.log(rate) + (order - i) * math.log1p(-rate)
    terms = log_binom + log_draws + (i * i - i) / (2 * noise**2)
    return np.asarray(logsumexp(np.where(i <= order, terms, -np.inf), axis=1))


def _compute_fractional(rate: float, noise: float) -> RDP:
    """Return log A_α of the other orders: two series of section 3.3, their signs alternating."""
    i, j = _TERMS, _FRACTIONAL[:, None] - _TERMS
    z = noise**2 * math.log(1 / rate - 1) + 0.5  # where both densities are equal
    low = i * math.log(rate) + j * math.log1p(-rate) + (i * i - i) / (2 * noise**2)
    high = j * math.log(rate) + i * math.log1p(-rate) + (j * j - j) / (2 * noise**2)
    terms = np.hstack([low + log_ndtr((z - i) / noise), high + log_ndtr((j - z) / noise)])
    return np.asarray(logsumexp(terms, b=np.hstack([_COEFFICIENTS, _COEFFICIENTS]), axis=1))
