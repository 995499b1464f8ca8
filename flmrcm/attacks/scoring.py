"""How well an attack did, beside what would be right by chance; pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from flmrcm.learning.metrics import psnr, ssim

Array = NDArray[np.float64]

_STRICT = 0.01
"""The false-positive rate at which a membership attack has to be of use (Carlini et al. 2022)."""


@dataclass(frozen=True)
class Likeness:
    """How a reconstruction compares with the image behind it, and with all others of its site.

    Attributes:
        truth: number of the image it is held to be, in the pool.
        ssim: with that, after the fit.
        psnr: with that, dB, after the fit.
        wrong: number of the other image that it is most like.
        wrong_ssim: with that other.
        rank: of the truth among all, by SSIM; 1 is recognised.
        among: images in the pool; by chance the rank is (among + 1)/2.
    """

    truth: int
    ssim: float
    psnr: float
    wrong: int
    wrong_ssim: float
    rank: int
    among: int

    @property
    def is_recognised(self) -> bool:
        """Whether no other image of the site is as like."""
        return self.rank == 1


def fit_affine(image: Array, truth: Array) -> Array:
    """Return a·image + b, least squares; norms without weights hide offset and scale of an image.

    Args:
        image: (height, width).
        truth: same shape.
    """
    centred = image - image.mean()
    scale = np.sum(centred**2)
    slope = np.sum(centred * (truth - truth.mean())) / scale if scale > 0 else 0.0
    return slope * centred + truth.mean()


def compare(image: Array, truth: Array) -> tuple[float, float]:
    """Return SSIM and PSNR (dB) after the fit; the peak is the truth's range."""
    fitted, peak = fit_affine(image, truth), float(np.ptp(truth)) or 1.0
    return ssim(fitted, truth, peak), psnr(fitted, truth, peak)


def score_images(images: Array, truths: Sequence[int], pool: Array) -> list[Likeness]:
    """Return how like each reconstruction is to its own image, and to the rest of the site's.

    An attack on several images doesn't know their order, so each truth goes to one reconstruction,
    such that SSIM is largest in all.

    Args:
        images: reconstructions, (n, height, width).
        truths: numbers of the images behind them in the pool, at least n.
        pool: all images of the site, (images, height, width), at least two.
    """
    table = np.array([[compare(image, truth)[0] for truth in pool] for image in images])
    rows, columns = linear_sum_assignment(-table[:, truths])
    return [_rank(images[i], table[i], truths[j], pool) for i, j in zip(rows, columns, strict=True)]


def _rank(image: Array, likeness: Array, truth: int, pool: Array) -> Likeness:
    others = np.delete(np.arange(len(pool)), truth)
    wrong = int(others[np.argmax(likeness[others])])
    rank = 1 + int(np.sum(likeness[others] >= likeness[truth]))
    value, decibels = compare(image, pool[truth])
    return Likeness(truth, value, decibels, wrong, float(likeness[wrong]), rank, len(pool))


def compute_roc(members: Array, others: Array) -> tuple[Array, Array]:
    """Return false- and true-positive rates as the threshold falls, from (0, 0) to (1, 1).

    Args:
        members: scores, (n,), large where the attack says "member".
        others: scores, (m,).
    """
    cuts = np.unique(np.concatenate([members, others]))[::-1]
    false, true = (np.concatenate([[0.0], _share(x, cuts)]) for x in (others, members))
    return false, true


def compute_auc(members: Array, others: Array) -> float:
    """Return the chance that a member scores above another, ties half; 0.5 is guessing."""
    pairs = members[:, None] - others[None, :]
    return float(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


def find_strict_rate(members: Array, others: Array, most: float = _STRICT) -> float:
    """Return the share of members found where at most a share `most` of the others is accused.

    With fewer than 1/most others this means: none of them.
    """
    false, true = compute_roc(members, others)
    return float(true[false <= most].max())


def find_interval(
    members: Array, others: Array, seed: int, draws: int = 2000
) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of AUC and strict rate: subjects drawn anew, with replacement.

    Args:
        members: one score a subject, (n,).
        others: same, (m,).
        seed: of the draws.
        draws: number of them.
    """
    rng = np.random.default_rng(seed)
    found = [
        (compute_auc(a, b), find_strict_rate(a, b))
        for a, b in (
            (rng.choice(members, len(members)), rng.choice(others, len(others)))
            for _ in range(draws)
        )
    ]
    low, high = np.quantile(np.array(found), [0.025, 0.975], axis=0)
    return {
        name: (float(low[i]), float(high[i])) for i, name in enumerate(("auc", "tpr_at_1_percent"))
    }


def _share(scores: Array, cuts: Array) -> Array:
    return (scores[None, :] >= cuts[:, None]).mean(1)
