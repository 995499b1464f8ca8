"""Distances between sites in latent space."""

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
_SOLVER_STEPS = 2000
"""Dozens are enough; where sites hardly differ the solver takes hundreds."""

LatentArray = NDArray[np.floating]


def compute_domain_accuracy(
    latents: LatentArray, sites: Sequence[str], volumes: Sequence[str]
) -> float | None:
    """Return the accuracy of a linear classifier that predicts the site of a slice, in [0, 1].

    Logistic regression (L2, C = 1) on latents standardised by the training folds, cross-validated
    over whole volumes: no volume is in both training and test. The accuracy is the mean over sites
    of the share of right predictions, so chance is 1 / number of sites, however many slices each
    site has.

    Args:
        latents: (point, latent_size).
        sites: the site of each point.
        volumes: the volume of each point; ids differ between sites.

    Returns:
        None where there's only one site, or a site has only one volume.
    """
    owners = dict(zip(volumes, sites, strict=True))
    counts = np.unique(list(owners.values()), return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:
        return None
    predicted = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=_SOLVER_STEPS)),
        latents,
        np.asarray(sites),
        groups=np.asarray(volumes),
        cv=StratifiedGroupKFold(min(FOLDS, int(counts.min()))),
    )
    return float(balanced_accuracy_score(sites, predicted))


def squared_mmd(first: LatentArray, second: LatentArray, width: float) -> float:
    """Return the squared maximum mean discrepancy of two samples.

    The unbiased estimate, so it may be a little below 0 (Gretton et al., JMLR 13, 2012, eq. 3):
    Σ_{i≠j} k(xᵢ, xⱼ) / m(m − 1) + Σ_{i≠j} k(yᵢ, yⱼ) / n(n − 1) − 2 Σ_{i,j} k(xᵢ, yⱼ) / mn
    with k(x, y) = exp(−‖x − y‖² / 2σ²).

    Args:
        first: x, (m, latent_size), m at least 2.
        second: y, (n, latent_size), n at least 2.
        width: σ, > 0; see `compute_median_distance`.
    """
    gamma = 1 / (2 * width**2)
    within = [_average_off_diagonal(rbf_kernel(x, x, gamma=gamma)) for x in (first, second)]
    return float(sum(within) - 2 * rbf_kernel(first, second, gamma=gamma).mean())


def compute_median_distance(latents: LatentArray) -> float:
    """Return the median distance of two points, the usual width of the kernel (ibid., section 8).

    Args:
        latents: (point, latent_size).
    """
    distances = euclidean_distances(latents)
    return float(np.median(distances[np.triu_indices(len(latents), 1)]))


def compute_pairwise_mmd(
    latents: LatentArray, sites: Sequence[str]
) -> dict[tuple[str, str], float]:
    """Return the squared MMD of each pair of sites.

    The latents are standardised over all points, and all pairs share one width, so that the scale
    of the latents changes nothing and pairs are comparable.

    Args:
        latents: (point, latent_size).
        sites: the site of each point, at least two points each.
    """
    scaled, labels = StandardScaler().fit_transform(latents), np.asarray(sites)
    width = compute_median_distance(scaled) or 1.0  # any width finds equal points equal
    return {
        (a, b): squared_mmd(scaled[labels == a], scaled[labels == b], width)
        for a, b in combinations(dict.fromkeys(sites), 2)
    }


def _average_off_diagonal(kernel: NDArray[np.floating]) -> float:
    """Return the mean of a kernel matrix, (point, point), without its diagonal."""
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))
