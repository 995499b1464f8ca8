"""HFEN: how well edges and fine structures are kept (Ravishankar and Bresler, IEEE TMI 2011)."""

import numpy as np
from scipy.ndimage import gaussian_laplace

from flmrcm import Metric


class HFEN(Metric):
    """High-frequency error norm: the error of what a Laplacian of Gaussian filter leaves.

    Args:
        sigma: width of the filter, pixels.
    """

    title, higher_is_better, over = "HFEN", False, "slices"

    def __init__(self, sigma: float = 1.5) -> None:
        self.sigma = sigma

    def __call__(self, image: np.ndarray, target: np.ndarray, peak: float) -> float:
        """Return ‖LoG(image − target)‖ / ‖LoG(target)‖ of one slice, (height, width), ≥ 0."""
        error = gaussian_laplace(image - target, self.sigma)
        edges = gaussian_laplace(target, self.sigma)
        return float(np.linalg.norm(error) / np.linalg.norm(edges))
