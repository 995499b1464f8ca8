"""How far sites lie apart in latent space, as numbers."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5
_SOLVER_STEPS = 2000  # of the solver; dozens are enough, hundreds where sites hardly differ

LatentArray = NDArray[np.floating]


def compute_domain_accuracy(
    latents: LatentArray, sites: Sequence[str], volumes: Sequence[str]
) -> float | None:
    """Gives how often a linear classifier tells which site a slice comes from, in [0, 1].

    Logistic regression (L2, C = 1) on latents standardised by the training folds, cross-validated
    over whole volumes: no volume is in both training and test. The accuracy is the mean over sites
    of the share told right, so chance is 1 / number of sites, however many slices each has.

    Args:
        latents: (point, latent_size).
        sites: the site of each point.
        volumes: the volume of each point; ids differ between sites.

    Returns:
        None where a site has one volume only, or there's one site only.
    """
    owners = dict(zip(volumes, sites, strict=True))
    counts = np.unique(list(owners.values()), return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:
        return None
    told = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=_SOLVER_STEPS)),
        latents,
        np.asarray(sites),
        groups=np.asarray(volumes),
        cv=StratifiedGroupKFold(min(FOLDS, int(counts.min()))),
    )
    return float(balanced_accuracy_score(sites, told))


def squared_mmd(first: LatentArray, second: LatentArray, width: float) -> float:
    """Gives the squared maximum mean discrepancy of two samples.

    The unbiased estimate, so it may be a little below 0 (Gretton et al., JMLR 13, 2012, eq. 3):
    Σ_{i≠j} k(xᵢ, xⱼ) / m(m − 1) + Σ_{i≠j} k(yᵢ, yⱼ) / n(n − 1) − 2 Σ_{i,j} k(xᵢ, yⱼ) / mn
    with k(x, y) = exp(−‖x − y‖² / 2σ²).

    Args:
        first: x, (m, latent_size), m at least 2.
        second: y, (n, latent_size), n at least 2.
        width: σ, as `median_distance` gives it.
    """
    gamma = 1 / (2 * width**2)
    within = [_average_off_diagonal(rbf_kernel(x, x, gamma=gamma)) for x in (first, second)]
    return float(sum(within) - 2 * rbf_kernel(first, second, gamma=gamma).mean())


def compute_median_distance(latents: LatentArray) -> float:
    """Gives the median distance between two points, the kernel's usual width (ibid., section 8)."""
    distances = euclidean_distances(latents)
    return float(np.median(distances[np.triu_indices(len(latents), 1)]))


def compute_pairwise_mmd(
    latents: LatentArray, sites: Sequence[str]
) -> dict[tuple[str, str], float]:
    """Gives the squared MMD of each pair of sites.

    On latents standardised over all points, with one width for all pairs, so that neither the
    latents' scale nor the choice of the pair changes the measure.

    Args:
        latents: (point, latent_size).
        sites: the site of each point, at least two points each.
    """
    scaled, labels = StandardScaler().fit_transform(latents), np.asarray(sites)
    width = compute_median_distance(scaled) or 1.0  # of equal points: any width finds them equal
    return {
        (a, b): squared_mmd(scaled[labels == a], scaled[labels == b], width)
        for a, b in combinations(dict.fromkeys(sites), 2)
    }


def _average_off_diagonal(kernel: NDArray[np.floating]) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))
