"""Two methods on the same volumes: how far apart, how surely, and what could come out at all.

The volume is what is drawn at random. Its values are averaged over seeds first, so n counts volumes
and never volumes × seeds: more seeds make a volume's value steadier, they don't make more patients.
"""

from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
LEAST_VOLUMES = 6
"""With fewer no two-sided p below 0.05 can come out: 2/2⁵ = 0.0625, 2/2⁶ = 0.031."""

_RESAMPLES = 9999
_EXACT_WITHOUT_TIES, _EXACT_WITH_TIES = 50, 13
_ALL_FLIPS: Any = stats.PermutationMethod(n_resamples=cast(int, np.inf))
_ROUNDING = 1e-12

Array = NDArray[np.float64]


class PairedTest(NamedTuple):
    """One method against another at one site.

    Attributes:
        n: volumes.
        difference: mean over volumes of first − second, in the metric's unit.
        low: lower end of the mean difference's 95 % interval.
        high: its upper end.
        effect: matched-pairs rank-biserial correlation, in [−1, 1]; above 0 where the first has
            the larger values.
        p: of Wilcoxon's signed-rank test, two-sided, not corrected.
        attainable: the smallest p that these volumes could have given.
        way: how p was computed, and what was left out.
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
    """Compares two methods on the same volumes.

    Args:
        first: (volume,), each averaged over its seeds.
        second: (volume,), in the same order.
    """
    d = compute_differences(first, second)
    (low, high), (p, way) = compute_interval(d), signed_rank(d)
    least = compute_attainable_p(int(np.count_nonzero(d)))
    return PairedTest(len(d), float(d.mean()), low, high, rank_biserial(d), p, least, way)


def compute_differences(first: ArrayLike, second: ArrayLike) -> Array:
    """Gives first − second, (volume,); what only rounding tells apart is 0."""
    a, b = np.asarray(first, float), np.asarray(second, float)
    return np.where(np.isclose(a, b, rtol=_ROUNDING, atol=0), 0.0, a - b)


def signed_rank(d: Array) -> tuple[float, str]:
    """Gives the two-sided p of Wilcoxon's signed-rank test, and how it was computed.

    Volumes on which both methods are equal are dropped, as Wilcoxon did. The p is exact up to 50
    volumes, up to 13 where differences tie (all sign flips are gone through); beyond, it is the
    normal approximation, corrected for ties.

    Args:
        d: (volume,), differences.
    """
    kept = d[d != 0]
    dropped = len(d) - len(kept)
    without = f", {dropped} equal volumes dropped" if dropped else ""
    if not len(kept):
        return 1.0, "equal on every volume"
    ties = len(np.unique(np.abs(kept))) < len(kept)
    if len(kept) > (_EXACT_WITH_TIES if ties else _EXACT_WITHOUT_TIES):
        method, way = "asymptotic", "normal approximation"
    else:
        method, way = (_ALL_FLIPS if ties else "exact"), "exact"
    tested: Any = stats.wilcoxon(kept, method=method)
    return min(1.0, float(tested.pvalue)), way + without


def compute_attainable_p(n: int) -> float:
    """Gives the smallest two-sided p of n differing volumes: all point one way, 2 of 2ⁿ flips."""
    return min(1.0, 2.0 ** (1 - n))


def rank_biserial(d: Array) -> float:
    """Gives the matched-pairs rank-biserial correlation, in [−1, 1].

    The share of the rank sum that lies with positive differences, less the share with negative
    ones; 0 where all are equal (Kerby, Comprehensive Psychology 3, 2014: the simple difference
    formula r = f − u).

    Args:
        d: (volume,), differences.
    """
    kept = d[d != 0]
    if not len(kept):
        return 0.0
    ranks = stats.rankdata(np.abs(kept))
    return float((np.sign(kept) * ranks).sum() / ranks.sum())


def compute_interval(d: Array) -> tuple[float, float]:
    """Gives the 95 % bootstrap interval of the mean difference over volumes.

    Bias-corrected and accelerated (Efron, JASA 82, 1987), 9999 resamples, always the same draws.
    One volume has no interval: not-a-number twice.

    Args:
        d: (volume,), differences.
    """
    if len(d) < 2:
        return float("nan"), float("nan")
    if np.ptp(d) == 0:
        return float(d[0]), float(d[0])
    found = stats.bootstrap(
        (d,), np.mean, n_resamples=_RESAMPLES, confidence_level=CONFIDENCE, method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def holm(p: ArrayLike) -> Array:
    """Gives p corrected for having tested several times (Holm, Scand. J. Statist. 6, 1979).

    The k-th smallest of m is multiplied by m − k + 1; none is smaller than one before it, none is
    above 1.

    Args:
        p: (test,), of the whole family.
    """
    raw = np.asarray(p, float)
    order = np.argsort(raw, kind="stable")
    corrected = np.empty_like(raw)
    factors = np.arange(len(raw), 0, -1)
    corrected[order] = np.maximum.accumulate(raw[order] * factors).clip(max=1.0)
    return corrected
