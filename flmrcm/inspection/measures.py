"""Measures of a volume, added up slice by slice, so that no volume is ever in memory as a whole."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from flmrcm.mri.acquisition import center_crop
from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.kspace_peak import KspacePeak, measure_peak

_TOP = 1e-4  # pixels this close to the maximum, relative to it, count as equal to it
_CONSTANT = 1e-4  # an image whose range is below this fraction of its maximum is constant
_SAMPLE_SIZE = 4096  # pixels of a slice from which percentiles are computed


class SliceMeasures(NamedTuple):
    """Measures of one slice; x is its image, r the image of its k-space, cropped to the size of x.

    Attributes:
        n_pixels: number of pixels of x.
        n_broken: number of values that are NaN or infinite, in x and k-space together.
        minimum: smallest finite pixel.
        maximum: largest finite pixel.
        n_top: number of pixels within 1e-4 of the maximum.
        total: Σ x over the finite pixels.
        energies: Σ x², Σ r², Σ x·r; zeros if there is no target or any value is broken.
        sample: about 4096 pixels, evenly spread, or all pixels, (pixels,).
        digest: hash of the values of the k-space, complex64.
        peak: energy and peak of the k-space.
    """

    n_pixels: int
    n_broken: int
    minimum: float
    maximum: float
    n_top: int
    total: float
    energies: tuple[float, float, float]
    sample: NDArray[np.float32]
    digest: bytes
    peak: KspacePeak


class Agreement(NamedTuple):
    """The difference between a target x and the image r of its own k-space.

    Attributes:
        distance: ‖x − r‖ / ‖x‖, at least 0.
        factor: the factor s that minimises ‖x − s·r‖.
        unexplained: ‖x − s·r‖ / ‖x‖: the difference that other units can't explain.
    """

    distance: float
    factor: float
    unexplained: float


class VolumeMeasures(NamedTuple):
    """Measures of one volume, over the slices that were read.

    Attributes:
        n_slices: number of slices that were read.
        n_broken: number of values that are NaN or infinite.
        minimum: smallest finite pixel.
        maximum: largest finite pixel.
        mean: mean of the finite pixels.
        bright: 99th percentile of a sample of the pixels.
        brightest: 99.9th percentile of the sample.
        n_top: number of pixels that are equal to the maximum.
        top_share: their fraction of all pixels, in [0, 1].
        agreement: difference between target and k-space; None if there is no target or it is black.
        checksum: hash of the values of the k-space, 32 hex digits.
        peak: peak of the k-space, in the slice with the largest energy.
    """

    n_slices: int
    n_broken: int
    minimum: float
    maximum: float
    mean: float
    bright: float
    brightest: float
    n_top: int
    top_share: float
    agreement: Agreement | None
    checksum: str
    peak: KspacePeak

    @property
    def is_blank(self) -> bool:
        """Whether the images are empty or constant."""
        return self.maximum - self.minimum <= _CONSTANT * abs(self.maximum)


def measure_slice(
    kspace: NDArray[np.complex64], target: NDArray[np.float32] | None
) -> SliceMeasures:
    """Return the measures of one slice.

    Args:
        kspace: complex64, (coils, rows, columns).
        target: magnitude, (height, width); if None, the image of the k-space is measured.
    """
    combined = rss(ifft2c(torch.from_numpy(kspace)), 0)
    has_target = target is not None
    reconstruction = (
        center_crop(combined, *target.shape).numpy() if has_target else combined.numpy()
    )
    image = target if has_target else reconstruction
    finite = np.isfinite(image)
    n_broken = int((~np.isfinite(kspace)).sum()) + int(has_target and (~finite).sum())
    clean = np.where(finite, image, np.float32(0))
    maximum = float(clean.max())
    comparable = has_target and n_broken == 0
    return SliceMeasures(
        n_pixels=image.size,
        n_broken=n_broken,
        minimum=float(clean.min()),
        maximum=maximum,
        n_top=int((clean >= maximum - _TOP * abs(maximum)).sum()),
        total=float(clean.sum(dtype=np.float64)),
        energies=_compute_energies(clean, reconstruction) if comparable else (0.0, 0.0, 0.0),
        # an odd step: an even one would take the same few columns of every row
        sample=clean.ravel()[:: image.size // _SAMPLE_SIZE | 1],
        digest=blake2b(np.ascontiguousarray(kspace).tobytes(), digest_size=16).digest(),
        peak=measure_peak(kspace),
    )


def combine_measures(slices: Sequence[SliceMeasures]) -> VolumeMeasures:
    """Return the measures of a volume from those of its slices, at least one, in their order."""
    n_pixels = sum(one.n_pixels for one in slices)
    maximum = max(one.maximum for one in slices)
    # n_top of a slice counts pixels at its own maximum, which must be that of the volume
    level = maximum - _TOP * abs(maximum)
    n_top = sum(one.n_top for one in slices if one.maximum >= level)
    energies = np.sum([one.energies for one in slices], 0)
    bright, brightest = np.percentile(np.concatenate([one.sample for one in slices]), [99, 99.9])
    return VolumeMeasures(
        n_slices=len(slices),
        n_broken=sum(one.n_broken for one in slices),
        minimum=min(one.minimum for one in slices),
        maximum=maximum,
        mean=sum(one.total for one in slices) / n_pixels,
        bright=float(bright),
        brightest=float(brightest),
        n_top=n_top,
        top_share=n_top / n_pixels,
        agreement=_compute_agreement(*energies),
        checksum=blake2b(b"".join(one.digest for one in slices), digest_size=16).hexdigest(),
        peak=max(one.peak for one in slices),
    )


def _compute_energies(
    image: NDArray[np.float32], other: NDArray[np.float32]
) -> tuple[float, float, float]:
    x, r = image.astype(np.float64), other.astype(np.float64)
    return float((x * x).sum()), float((r * r).sum()), float((x * r).sum())


def _compute_agreement(xx: float, rr: float, xr: float) -> Agreement | None:
    """Return the agreement from Σx², Σr² and Σxr; None if the target x is black.

    ‖x − s·r‖² = Σx² − 2s·Σxr + s²·Σr² is smallest for s = Σxr/Σr².
    """
    if xx == 0:
        return None
    factor = xr / rr if rr else 0.0
    distance, unexplained = xx - 2 * xr + rr, xx - factor * xr
    # both are differences of large numbers: rounding may leave them slightly below 0
    return Agreement(
        float(np.sqrt(max(distance, 0) / xx)), factor, float(np.sqrt(max(unexplained, 0) / xx))
    )
