"""Latents in two dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler

COMPONENTS = 50
"""Number of principal components that t-SNE starts from."""

_PERPLEXITY, _ITERATIONS = 30, 500


@dataclass(frozen=True)
class Embedding:
    """The same points in two dimensions by two methods.

    Attributes:
        pca: the first two principal components, (point, 2).
        shares: the share of the variance in each of the two, in [0, 1].
        tsne: the t-SNE, (point, 2).
    """

    pca: NDArray[np.float32]
    shares: Sequence[float]
    tsne: NDArray[np.float32]


def embed_latents(latents: NDArray[np.float32]) -> Embedding:
    """Return the PCA and the t-SNE of standardised latents.

    The same latents always give the same points (van der Maaten & Hinton, JMLR 9, 2008).

    Args:
        latents: (point, latent_size), at least 4 points.
    """
    scaled = StandardScaler().fit_transform(latents)
    if not scaled.any():  # equal latents have no principal direction
        flat = np.zeros((len(latents), 2), np.float32)
        return Embedding(flat, (0.0, 0.0), flat)
    pca = PCA(min(COMPONENTS, *scaled.shape), random_state=0)
    points = pca.fit_transform(scaled)
    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, max_iter=_ITERATIONS, init="pca", random_state=0)
    shares = pca.explained_variance_ratio_[:2].tolist()
    return Embedding(points[:, :2], shares, tsne.fit_transform(points))
