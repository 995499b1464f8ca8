"""What one slice adds to what's known of its volume: sums, so that no volume is held whole."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from flmrcm.mri.acquisition import center_crop
from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import ifft2c

_TOP = 1e-4  # pixels this close to the maximum count as equal to it
_CONSTANT = 1e-4  # of the maximum: an image of a smaller range is constant
_SAMPLED = 4096  # pixels of a slice that serve for percentiles


class SliceMeasures(NamedTuple):
    """One slice.

    Attributes:
        n_pixels: of the image.
        n_broken: values that are NaN or infinite, in image and k-space together.
        minimum: of the finite pixels.
        maximum: of the finite pixels.
        n_top: pixels within 1e-4 of the maximum.
        total: Σ x of the finite pixels.
        energies: Σ x², Σ r², Σ x·r; r is the image that the k-space gives, cropped to x's size.
            Zeros where there's no target to compare, or anything is broken.
        sample: some 4096 of the pixels, evenly spread, or all.
        digest: of the k-space's values, complex64.
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


class Agreement(NamedTuple):
    """How near a target x is to the image r of its own k-space.

    Attributes:
        distance: ‖x − r‖/‖x‖.
        factor: the s for which s·r comes nearest to x.
        unexplained: ‖x − s·r‖/‖x‖: what no change of units explains.
    """

    distance: float
    factor: float
    unexplained: float


class VolumeMeasures(NamedTuple):
    """One volume, over the slices read.

    Attributes:
        n_slices: that were read.
        n_broken: values that are NaN or infinite.
        minimum: of the finite pixels.
        maximum: of the finite pixels.
        mean: of the finite pixels.
        bright: the 99th percentile, from a sample of the pixels.
        n_top: pixels that share the maximum.
        top_share: their share of all pixels, in [0, 1].
        agreement: of the target with its k-space; None where there's nothing to compare.
        checksum: 32 hex digits of the k-space's values.
    """

    n_slices: int
    n_broken: int
    minimum: float
    maximum: float
    mean: float
    bright: float
    n_top: int
    top_share: float
    agreement: Agreement | None
    checksum: str

    @property
    def is_blank(self) -> bool:
        """Whether the images are empty or constant."""
        return self.maximum - self.minimum <= _CONSTANT * abs(self.maximum)


def measure_slice(
    kspace: NDArray[np.complex64], target: NDArray[np.float32] | None
) -> SliceMeasures:
    """Gives what a slice adds.

    Args:
        kspace: complex64, (coils, rows, columns).
        target: magnitude, (height, width), or None; its k-space's image then stands for it.
    """
    whole = ifft2c(torch.from_numpy(kspace))
    seen = rss(whole, 0)
    compared = target is not None
    reconstruction = center_crop(seen, *target.shape).numpy() if compared else seen.numpy()
    image = target if compared else reconstruction
    finite = np.isfinite(image)
    n_broken = int((~np.isfinite(kspace)).sum()) + int(compared and (~finite).sum())
    clean = np.where(finite, image, np.float32(0))
    maximum = float(clean.max())
    comparable = compared and n_broken == 0
    return SliceMeasures(
        n_pixels=image.size,
        n_broken=n_broken,
        minimum=float(clean.min()),
        maximum=maximum,
        n_top=int((clean >= maximum - _TOP * abs(maximum)).sum()),
        total=float(clean.sum(dtype=np.float64)),
        energies=_compute_energies(clean, reconstruction) if comparable else (0.0, 0.0, 0.0),
        # an odd stride: an even one would meet the same few columns in every row
        sample=clean.ravel()[:: image.size // _SAMPLED | 1],
        digest=blake2b(np.ascontiguousarray(kspace).tobytes(), digest_size=16).digest(),
    )


def combine_measures(tallies: Sequence[SliceMeasures]) -> VolumeMeasures:
    """Gives a volume's measures from its slices', at least one."""
    n_pixels = sum(tally.n_pixels for tally in tallies)
    maximum = max(tally.maximum for tally in tallies)
    level = maximum - _TOP * abs(maximum)
    n_top = sum(tally.n_top for tally in tallies if tally.maximum >= level)
    energies = np.sum([tally.energies for tally in tallies], 0)
    return VolumeMeasures(
        n_slices=len(tallies),
        n_broken=sum(tally.n_broken for tally in tallies),
        minimum=min(tally.minimum for tally in tallies),
        maximum=maximum,
        mean=sum(tally.total for tally in tallies) / n_pixels,
        bright=float(np.percentile(np.concatenate([tally.sample for tally in tallies]), 99)),
        n_top=n_top,
        top_share=n_top / n_pixels,
        agreement=_compute_agreement(*energies),
        checksum=blake2b(b"".join(t.digest for t in tallies), digest_size=16).hexdigest(),
    )


def _compute_energies(
    image: NDArray[np.float32], other: NDArray[np.float32]
) -> tuple[float, float, float]:
    x, r = image.astype(np.float64), other.astype(np.float64)
    return float((x * x).sum()), float((r * r).sum()), float((x * r).sum())


def _compute_agreement(xx: float, rr: float, xr: float) -> Agreement | None:
    """‖x − s·r‖² = Σx² − 2s·Σxr + s²·Σr², least for s = Σxr/Σr²."""
    if xx == 0:
        return None
    factor = xr / rr if rr else 0.0
    distance, unexplained = xx - 2 * xr + rr, xx - factor * xr
    return Agreement(
        float(np.sqrt(max(distance, 0) / xx)), factor, float(np.sqrt(max(unexplained, 0) / xx))
    )
