"""Metrics of magnitude volumes, under the four conventions papers use.

Conventions alone move the numbers of the same images by several dB, so the convention is part of
every result:

- `fastmri`: per volume; the peak is the volume's maximum (Zbontar et al., arXiv 1811.08839);
- `published`: the same against the target clamped to ±6 σ, the peak being the clamped maximum;
- `slice_volume_max`: PSNR and SSIM per slice, the peak being the volume's maximum;
- `slice_max`: PSNR and SSIM per slice, the peak being the slice's own maximum; black slices, which
  have none, do not count.

NMSE is per volume in all of them. A metric is one class here or elsewhere and one line in
`conf/metrics/`; every report shows it by what the class says of itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import skimage

ZERO_FILLED = "zero-filled"
"""How tables call the images that reconstructions start from."""

SSIM_WINDOW = 7
"""Height and width of SSIM's window: the smallest image that can be scored."""

SLICES, VOLUME = "slices", "volume"


class Convention(NamedTuple):
    """How a paper takes its numbers.

    Attributes:
        name: stands beside every number.
        clamped: whether the reference is the target clamped to ±6 σ.
        own_peak: whether each slice has its own peak; otherwise the volume's maximum is taken.
        over: `volume` or `slices`: over what a metric that leaves it open is taken.
    """

    name: str
    clamped: bool = False
    own_peak: bool = False
    over: str = VOLUME


ALL_CONVENTIONS = (
    Convention("fastmri"),
    Convention("published", clamped=True),
    Convention("slice_volume_max", over=SLICES),
    Convention("slice_max", own_peak=True, over=SLICES),
)
CONVENTIONS = tuple(convention.name for convention in ALL_CONVENTIONS)


class VolumeScore(NamedTuple):
    """One number of one volume.

    Attributes:
        volume: `site/volume`.
        metric: the metric's name.
        convention: one of `CONVENTIONS`.
        value: the number.
        slices: how many slices it was taken over.
    """

    volume: str
    metric: str
    convention: str
    value: float
    slices: int


class Metric(ABC):
    """A number for how near an image is to its target, and how reports show it.

    Attributes:
        title: how tables and figures call it.
        unit: empty where it has none.
        digits: after the point.
        higher_is_better: which way tables rank.
        over: `volume` takes whole volumes, `slices` the mean over slices, None as the convention.
        in_every_volume: whether each volume has it; otherwise means are over those that do.
    """

    title: ClassVar[str]
    unit: ClassVar[str] = ""
    digits: ClassVar[int] = 4
    higher_is_better: ClassVar[bool] = True
    over: ClassVar[str | None] = None
    in_every_volume: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, image: np.ndarray, target: np.ndarray, peak: float) -> float:
        """Return the number.

        Args:
            image: magnitude, (slices, height, width), or one slice, (height, width).
            target: same shape.
            peak: the largest value of the target, > 0, as the convention takes it.
        """


class LesionMetric(Metric):
    """A number of all of a volume's lesion, in every convention; a volume without one has none."""

    over, in_every_volume = VOLUME, False

    @abstractmethod
    def __call__(
        self, image: np.ndarray, target: np.ndarray, peak: float, lesion: np.ndarray | None = None
    ) -> float:
        """Return the number.

        Args:
            image: magnitude, (slices, height, width).
            target: same shape.
            peak: the largest value of the target, > 0.
            lesion: bool, same shape, True somewhere; None is the whole image.
        """


class NMSE(Metric):
    """Normalised mean squared error."""

    title, higher_is_better, over = "NMSE", False, VOLUME

    def __call__(self, image: np.ndarray, target: np.ndarray, peak: float) -> float:
        """Return ‖image − target‖² / ‖target‖², ≥ 0."""
        return nmse(image, target)


class PSNR(Metric):
    """Peak signal-to-noise ratio."""

    title, unit, digits = "PSNR", "dB", 2

    def __call__(self, image: np.ndarray, target: np.ndarray, peak: float) -> float:
        """Return 20·log10(peak) − 10·log10(mean squared error), dB."""
        return psnr(image, target, peak)


class SSIM(Metric):
    """Structural similarity, slice by slice (Wang et al. 2004)."""

    title, over = "SSIM", SLICES

    def __call__(self, image: np.ndarray, target: np.ndarray, peak: float) -> float:
        """Return the structural similarity of one slice, at most 1."""
        return ssim(image, target, peak)


DEFAULT_METRICS: Mapping[str, Metric] = {"psnr": PSNR(), "ssim": SSIM(), "nmse": NMSE()}
METRICS = tuple(DEFAULT_METRICS)


def describe_metrics(metrics: Mapping[str, Metric]) -> dict[str, dict[str, Any]]:
    """Return what reports have to know of each metric, as plain values."""
    keys = ("title", "unit", "digits", "higher_is_better")
    return {
        name: {key: getattr(m, key) for key in keys}
        | ({} if m.in_every_volume else {"in_every_volume": False})
        for name, m in metrics.items()
    }


def nmse(image: np.ndarray, target: np.ndarray) -> float:
    """Return ‖image − target‖² / ‖target‖², ≥ 0; any equal shapes."""
    return float(np.sum((image - target) ** 2) / np.sum(target**2))


def psnr(image: np.ndarray, target: np.ndarray, peak: float) -> float:
    """Return 20·log10(peak) − 10·log10(mean squared error), in dB; any equal shapes."""
    error = np.mean((image - target) ** 2, dtype=np.float64)
    return float(20 * np.log10(peak) - 10 * np.log10(max(error, np.finfo(np.float64).tiny)))


def ssim(image: np.ndarray, target: np.ndarray, peak: float) -> float:
    """Return the structural similarity of one slice, at most 1.

    7×7 uniform window, sample covariance, data range `peak` (Wang et al. 2004, as fastMRI sets it).

    Args:
        image: (height, width).
        target: (height, width).
        peak: the data range, > 0.
    """
    return float(cast(float, skimage.metrics.structural_similarity(target, image, data_range=peak)))


def score_volume(
    image: np.ndarray,
    target: np.ndarray,
    clamped: np.ndarray,
    metrics: Mapping[str, Metric] = DEFAULT_METRICS,
    lesion: np.ndarray | None = None,
) -> Iterator[tuple[str, str, float, int]]:
    """Return (metric, convention, value, slices) for a volume under every convention.

    Without a lesion, metrics of lesions are left out.

    Args:
        image: reconstruction, magnitude, (slices, height, width).
        target: fully sampled magnitude, same shape.
        clamped: the target clamped to ±6 σ of its input, same shape.
        metrics: by name.
        lesion: bool, same shape; None without one, and so is one that is False everywhere.
    """
    if lesion is None or not lesion.any():
        metrics = {k: m for k, m in metrics.items() if not isinstance(m, LesionMetric)}
    known: dict[tuple[object, ...], tuple[float, int]] = {}
    same = np.array_equal(clamped, target)
    for convention in ALL_CONVENTIONS:
        reference = clamped if convention.clamped and not same else target
        for name, metric in metrics.items():
            over = metric.over or convention.over
            own_peak = convention.own_peak and over == SLICES
            key = name, over, own_peak, reference is target  # SSIM takes most of the time
            if key not in known:
                known[key] = _score(metric, image, reference, over, own_peak, lesion)
            yield name, convention.name, *known[key]


def _score(
    metric: Metric,
    image: np.ndarray,
    reference: np.ndarray,
    over: str,
    own_peak: bool,
    lesion: np.ndarray | None,
) -> tuple[float, int]:
    if isinstance(metric, LesionMetric) and lesion is not None:
        value = metric(image, reference, float(reference.max()), lesion)
        return value, int(lesion.any((1, 2)).sum())
    if over == VOLUME:
        return metric(image, reference, float(reference.max())), len(reference)
    peaks = reference.max((1, 2)) if own_peak else np.full(len(reference), reference.max())
    lit: Sequence[int] = np.flatnonzero(peaks > 0).tolist()
    values = [metric(image[i], reference[i], float(peaks[i])) for i in lit]
    return float(np.mean(values)), len(lit)


def average_scores(scores: list[VolumeScore]) -> dict[tuple[str, str], float]:
    """Return the mean of each (metric, convention) over the volumes that have it."""
    groups: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        groups.setdefault((score.metric, score.convention), []).append(score.value)
    return {key: float(np.mean(values)) for key, values in groups.items()}
