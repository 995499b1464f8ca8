"""NMSE, PSNR and SSIM of magnitude volumes, under the four conventions papers use.

Conventions alone move the numbers of the same images by several dB, so the convention is part of
every result:

- `fastmri`: per volume; the peak is the volume's maximum (Zbontar et al., arXiv 1811.08839);
- `published`: the same against the target clamped to ±6 σ, the peak being the clamped maximum;
- `slice_volume_max`: PSNR and SSIM per slice, the peak being the volume's maximum;
- `slice_max`: PSNR and SSIM per slice, the peak being the slice's own maximum; black slices, which
  have none, don't count.

NMSE is per volume in all of them.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
from skimage.metrics import structural_similarity
from torch import Tensor
from torchmetrics import Metric

from flmrcm.data.transforms import CLAMP, denormalise, normalise
from flmrcm.errors import DataLayoutError
from flmrcm.types import Batch

CONVENTIONS = ("fastmri", "published", "slice_volume_max", "slice_max")
METRICS = ("psnr", "ssim", "nmse")
ZERO_FILLED = "zero-filled"
"""How tables call the images that reconstructions start from."""

SSIM_WINDOW = 7
"""Height and width of SSIM's window: the smallest image that can be judged."""


class VolumeScore(NamedTuple):
    """One number of one volume.

    Attributes:
        volume: `site/volume`.
        metric: nmse | psnr (dB) | ssim.
        convention: one of `CONVENTIONS`.
        value: the number.
        slices: how many slices it was taken over.
    """

    volume: str
    metric: str
    convention: str
    value: float
    slices: int


def nmse(image: np.ndarray, target: np.ndarray) -> float:
    """Gives ‖image − target‖² / ‖target‖², ≥ 0; any equal shapes."""
    return float(np.sum((image - target) ** 2) / np.sum(target**2))


def psnr(image: np.ndarray, target: np.ndarray, peak: float) -> float:
    """Gives 20·log10(peak) − 10·log10(mean squared error), in dB; any equal shapes."""
    error = np.mean((image - target) ** 2, dtype=np.float64)
    return float(20 * np.log10(peak) - 10 * np.log10(max(error, np.finfo(np.float64).tiny)))


def ssim(image: np.ndarray, target: np.ndarray, peak: float) -> float:
    """Gives the structural similarity of one slice, at most 1.

    7×7 uniform window, sample covariance, data range `peak` (Wang et al. 2004, as fastMRI sets it).

    Args:
        image: (height, width).
        target: (height, width).
        peak: the data range, > 0.
    """
    return float(cast(float, structural_similarity(target, image, data_range=peak)))


def score_volume(
    image: np.ndarray, target: np.ndarray, clamped: np.ndarray
) -> Iterator[tuple[str, str, float, int]]:
    """Gives (metric, convention, value, slices) for a volume under every convention.

    Args:
        image: reconstruction, magnitude, (slices, height, width).
        target: fully sampled magnitude, same shape.
        clamped: the target clamped to ±6 σ of its input, same shape.
    """
    n, peak = len(target), float(target.max())
    lit = [i for i in range(n) if target[i].max() > 0]
    slice_ssim = [ssim(image[i], target[i], peak) for i in range(n)]
    peaks = [float(target[i].max()) for i in lit]
    own = list(zip(lit, peaks, strict=True))
    per_convention = {
        "fastmri": (psnr(image, target, peak), float(np.mean(slice_ssim)), n),
        "published": _score_published(image, target, clamped, slice_ssim),
        "slice_volume_max": (
            float(np.mean([psnr(image[i], target[i], peak) for i in range(n)])),
            float(np.mean(slice_ssim)),
            n,
        ),
        "slice_max": (
            float(np.mean([psnr(image[i], target[i], p) for i, p in own])),
            float(np.mean([ssim(image[i], target[i], p) for i, p in own])),
            len(lit),
        ),
    }
    for convention, (volume_psnr, volume_ssim, slices) in per_convention.items():
        reference = clamped if convention == "published" else target
        yield "nmse", convention, nmse(image, reference), n
        yield "psnr", convention, volume_psnr, slices
        yield "ssim", convention, volume_ssim, slices


def _score_published(
    image: np.ndarray, target: np.ndarray, clamped: np.ndarray, slice_ssim: list[float]
) -> tuple[float, float, int]:
    peak, n = float(clamped.max()), len(clamped)
    same = np.array_equal(clamped, target)
    scores = slice_ssim if same else [ssim(image[i], clamped[i], peak) for i in range(n)]
    return psnr(image, clamped, peak), float(np.mean(scores)), n


class VolumeScores(Metric):
    """Gathers slices until a volume is whole, scores it, and keeps the scores only.

    Expects the slices of each image size in volume order, as a site's loaders give them.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self._unfinished: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
        self._scores: list[VolumeScore] = []

    def update(self, image: Tensor, batch: Batch) -> None:
        """Adds reconstructions, (batch, 1, height, width), normalised as the batch is."""
        mean, std = batch.mean.float(), batch.std.float()
        target = denormalise(batch.target.float(), mean, std)
        clamped = normalise(target, mean, std).clamp(-CLAMP, CLAMP)
        arrays = [
            x.squeeze(1).cpu().numpy()
            for x in (
                denormalise(image.float(), mean, std),
                target,
                denormalise(clamped, mean, std),
            )
        ]
        self._score_finished(arrays[0].shape[1:], set(batch.volume))
        for volume, *slices in zip(batch.volume, *arrays, strict=True):
            self._unfinished.setdefault(volume, []).append(tuple(slices))

    def compute(self) -> list[VolumeScore]:
        """Gives every volume's scores."""
        self._score_finished(None, set())
        return list(self._scores)

    def reset(self) -> None:
        """Forgets everything."""
        super().reset()
        self._unfinished, self._scores = {}, []

    def _score_finished(self, size: tuple[int, ...] | None, still_open: set[str]) -> None:
        for volume in [name for name in self._unfinished if name not in still_open]:
            slices = self._unfinished[volume]
            if size in (None, slices[0][0].shape):
                image, target, clamped = (np.stack(part) for part in zip(*slices, strict=True))
                if target.max() <= 0:
                    raise DataLayoutError(f"{volume}: the target is black throughout; remove it.")
                rows = score_volume(image, target, clamped)
                self._scores += [VolumeScore(volume, *row) for row in rows]
                del self._unfinished[volume]


def average_scores(scores: list[VolumeScore]) -> dict[tuple[str, str], float]:
    """Gives the mean over volumes of each (metric, convention)."""
    groups: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        groups.setdefault((score.metric, score.convention), []).append(score.value)
    return {key: float(np.mean(values)) for key, values in groups.items()}
