"""Metrics inside a lesion: is what a radiologist looks for still there?

Each is taken over all pixels of a volume's lesion, so conventions differ only in the target that
they compare with. The file's `lesion_mask` says where it is (`data/lesion_masks.py`).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import structural_similarity

from flmrcm.data.targets import find_foreground
from flmrcm.errors import require
from flmrcm.learning.metrics import LesionMetric, psnr


class LesionPSNR(LesionMetric):
    """Peak signal-to-noise ratio inside the lesion; the peak is the whole volume's."""

    title, unit, digits = "Lesion PSNR", "dB", 2

    def __call__(
        self, image: np.ndarray, target: np.ndarray, peak: float, lesion: np.ndarray | None = None
    ) -> float:
        """Return 20·log10(peak) − 10·log10(mean squared error inside the lesion), dB."""
        inside = ... if lesion is None else lesion
        return psnr(image[inside], target[inside], peak)


class LesionSSIM(LesionMetric):
    """Structural similarity inside the lesion: the mean of the windows around its pixels."""

    title = "Lesion SSIM"

    def __call__(
        self, image: np.ndarray, target: np.ndarray, peak: float, lesion: np.ndarray | None = None
    ) -> float:
        """Return the mean of SSIM's map over the lesion, at most 1; windows as `metrics.ssim`'s."""
        inside = np.ones(target.shape, bool) if lesion is None else lesion
        values = [
            structural_similarity(target[i], image[i], data_range=peak, full=True)[1][inside[i]]
            for i in np.flatnonzero(inside.any((1, 2)))
        ]
        return float(np.concatenate(values).mean(dtype=np.float64))


class LesionContrast(LesionMetric):
    """Error of the contrast between a lesion and its surroundings, as a share of that contrast.

    The contrast is the mean over the lesion minus the mean over a ring around it, in its slices.
    Of the ring only tissue counts: where the target is above a tenth of its brightness. An image
    whose lesion is gone has the error 1, one with the same contrast 0, one with the opposite 2.

    Args:
        ring: width of the ring, pixels.
        least: the smallest contrast that errors are shares of, as a share of the ring's brightness:
            a lesion as bright as its surroundings would divide by nothing.

    Raises:
        ConfigErrors: a value outside its range.
    """

    title, digits, higher_is_better = "Lesion contrast error", 3, False

    def __init__(self, ring: int = 5, least: float = 0.05) -> None:
        require(
            {
                "metrics.lesion_contrast.ring": (ring >= 1, f"at least 1 pixel; got {ring}."),
                "metrics.lesion_contrast.least": (least > 0, f"above 0; got {least}."),
            }
        )
        self.ring, self.least = ring, least

    def __call__(
        self, image: np.ndarray, target: np.ndarray, peak: float, lesion: np.ndarray | None = None
    ) -> float:
        """Return |contrast(image) − contrast(target)| / |contrast(target)|, ≥ 0.

        Without a lesion, or with one that fills its slices, there are no surroundings, so the
        number is not-a-number.
        """
        ring = None if lesion is None else _find_ring(lesion, target, self.ring)
        if lesion is None or ring is None:
            return float("nan")
        (here, around), (wanted, level) = (
            (x[lesion].mean(dtype=np.float64), x[ring].mean(dtype=np.float64))
            for x in (image, target)
        )
        contrast = wanted - level
        return float(abs(here - around - contrast) / max(abs(contrast), self.least * abs(level)))


def _find_ring(
    lesion: NDArray[np.bool_], target: np.ndarray, width: int
) -> NDArray[np.bool_] | None:
    """Return the tissue around a lesion, bool, (slices, height, width); None where nothing is."""
    disc = np.hypot(*np.ogrid[-width : width + 1, -width : width + 1]) <= width
    around = np.asarray(ndimage.binary_dilation(lesion, disc[None]), bool) & ~lesion
    tissue = around & find_foreground(target)
    return next((ring for ring in (tissue, around) if ring.any()), None)
