"""Two methods on the same volumes: the difference, its interval, and a paired test.

Volumes are the random sample. Their values are averaged over seeds first, so n is the number of
volumes and never volumes × seeds: more seeds make a value more precise, but not more patients.
"""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
LEAST_VOLUMES = 6
"""With fewer volumes no two-sided p can be below 0.05: 2/2⁵ = 0.0625, 2/2⁶ = 0.031."""

_RESAMPLES = 9999
_EXACT_WITHOUT_TIES, _EXACT_WITH_TIES = 50, 13
_ROUNDING = 1e-12

Array = NDArray[np.float64]


class PairedTest(NamedTuple):
    """One method against another at one site.

    Attributes:
        n: number of volumes.
        difference: mean over volumes of first − second, in the metric's unit.
        low: lower end of the mean difference's 95 % interval.
        high: its upper end.
        effect: matched-pairs rank-biserial correlation, in [−1, 1]; above 0 where the first has
            the larger values.
        p: of Wilcoxon's signed-rank test, two-sided, not corrected.
        attainable: the smallest p that is possible with these volumes.
        way: how p was computed, and how many volumes were dropped.
    """

    n: int
    difference: float
    low: float
    high: float
    effect: float
    p: float
    attainable: float
    way: str


def run_paired_test(first: ArrayLike, second: ArrayLike) -> PairedTest:
    """Compare two methods on the same volumes.

    Args:
        first: values of the first method, (volume,), each averaged over its seeds.
        second: values of the second method, (volume,), in the same order.
    """
    d = compute_differences(first, second)
    (low, high), (p, way) = compute_interval(d), signed_rank(d)
    attainable = compute_attainable_p(int(np.count_nonzero(d)))
    return PairedTest(len(d), float(d.mean()), low, high, rank_biserial(d), p, attainable, way)


def compute_differences(first: ArrayLike, second: ArrayLike) -> Array:
    """Return first − second, (volume,); 0 where the values differ by rounding only."""
    a, b = np.asarray(first, float), np.asarray(second, float)
    return np.where(np.isclose(a, b, rtol=_ROUNDING, atol=0), 0.0, a - b)


def signed_rank(d: Array) -> tuple[float, str]:
    """Return the two-sided p of Wilcoxon's signed-rank test, and how it was computed.

    Volumes on which both methods are equal are dropped, as Wilcoxon did. The p is exact up to 50
    volumes, or up to 13 where differences tie (all sign flips are counted); for more volumes it is
    the normal approximation, corrected for ties.

    Args:
        d: (volume,), differences.
    """
    nonzero = d[d != 0]
    n_equal = len(d) - len(nonzero)
    without = f", {n_equal} equal volumes dropped" if n_equal else ""
    if not len(nonzero):
        return 1.0, "equal on every volume"
    ties = len(np.unique(np.abs(nonzero))) < len(nonzero)
    if len(nonzero) > (_EXACT_WITH_TIES if ties else _EXACT_WITHOUT_TIES):
        method, way = "asymptotic", "normal approximation"
    else:
        all_flips: Any = scipy.stats.PermutationMethod(n_resamples=cast(int, np.inf))
        method, way = (all_flips if ties else "exact"), "exact"
    result: Any = scipy.stats.wilcoxon(nonzero, method=method)
    return min(1.0, float(result.pvalue)), way + without


def compute_attainable_p(n: int) -> float:
    """Return the smallest possible two-sided p of n volumes that differ.

    All differences have one sign then: 2 of 2ⁿ sign flips.
    """
    return min(1.0, 2.0 ** (1 - n))


def rank_biserial(d: Array) -> float:
    """Return the matched-pairs rank-biserial correlation, in [−1, 1].

    The share of the rank sum of positive differences minus the share of negative ones; 0 where all
    are equal (Kerby, Comprehensive Psychology 3, 2014: the simple difference formula r = f − u).

    Args:
        d: (volume,), differences.
    """
    nonzero = d[d != 0]
    if not len(nonzero):
        return 0.0
    ranks = scipy.stats.rankdata(np.abs(nonzero))
    return float((np.sign(nonzero) * ranks).sum() / ranks.sum())


def compute_interval(d: Array) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean difference over volumes.

    Bias-corrected and accelerated (Efron, JASA 82, 1987), 9999 resamples with a fixed seed. One
    volume has no interval: both ends are not-a-number.

    Args:
        d: (volume,), differences.
    """
    if len(d) < 2:
        return float("nan"), float("nan")
    if np.ptp(d) == 0:
        return float(d[0]), float(d[0])
    interval = scipy.stats.bootstrap(
        (d,), np.mean, n_resamples=_RESAMPLES, confidence_level=CONFIDENCE, method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return float(interval.low), float(interval.high)


def holm(p: ArrayLike) -> Array:
    """Return p corrected for several tests, (test,) (Holm, Scand. J. Statist. 6, 1979).

    The k-th smallest of m is multiplied by m − k + 1; each is at least as large as the one before
    it, and at most 1.

    Args:
        p: (test,), of the whole family.
    """
    raw = np.asarray(p, float)
    order = np.argsort(raw, kind="stable")
    corrected = np.empty_like(raw)
    factors = np.arange(len(raw), 0, -1)
    corrected[order] = np.maximum.accumulate(raw[order] * factors).clip(max=1.0)
    return corrected
