"""From an image to the k-space that is written, and back to the target that goes with it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.mri.random_fields import draw_smooth_field
from flmrcm.prepare.scan import Scan
from flmrcm.seeding import seed_for

_PHASE_MM = 90.0
_PHASE_RADIANS = 1.0
_REACH_MM = 150.0  # a smooth field is defined no further from its centre
_BLOCK = 4  # images transformed at a time: they fit a processor's cache


class EncodedVolume(NamedTuple):
    """What is written of a volume.

    Attributes:
        kspace: complex64, (slice, height, width) or (slice, coil, height, width).
        target: float32, (slice, height, width).
    """

    kspace: NDArray[np.complex64]
    target: NDArray[np.float32]


def encode_volume(image: NDArray[Any]) -> EncodedVolume:
    """Gives centred, orthonormal k-space, and the target computed from that very k-space.

    Args:
        image: real or complex, (slice, height, width), or with coils on the second axis: the
            target is their root sum of squares then.
    """
    kspace = np.empty(image.shape, np.complex64)
    target = np.empty((len(image), *image.shape[-2:]), np.float32)
    step = max(1, _BLOCK // (image.shape[1] if image.ndim == 4 else 1))
    for start in range(0, len(image), step):
        block = slice(start, start + step)
        part = np.ascontiguousarray(image[block], np.complex64)
        coded = fft2c(torch.from_numpy(part))
        seen = ifft2c(coded)
        kspace[block] = coded.numpy()
        target[block] = (rss(seen) if seen.ndim == 4 else seen.abs()).numpy()
    return EncodedVolume(kspace, target)


def keep_phase(scan: Scan, _seed: int) -> Scan:
    """Leaves the scan as it is: the k-space of a bare magnitude is conjugate-symmetric."""
    return scan


def add_smooth_phase(scan: Scan, seed: int) -> Scan:
    """Gives a magnitude a random phase that varies over 90 mm by about 1 radian.

    It breaks the symmetry that would let a network read a half of k-space off the other; a phase
    that was measured stays.

    Args:
        scan: (slice, height, width).
        seed: of the field, one for each volume.
    """
    if scan.kspace_origin != "magnitude":
        return scan
    phase = _PHASE_RADIANS * draw_smooth_field(
        np.random.default_rng(seed_for("phase", seed)), _compute_axes_mm(scan), _PHASE_MM
    )
    image = np.empty(scan.image.shape, np.complex64)
    for index, magnitude in enumerate(scan.image):
        image[index] = magnitude * np.exp(1j * phase[index])
    return replace(scan, image=image, kspace_origin="magnitude+phase")


PHASES: Mapping[str, Callable[[Scan, int], Scan]] = {
    "none": keep_phase,
    "smooth": add_smooth_phase,
}
"""What may be done about the phase that a magnitude lacks."""


def _compute_axes_mm(scan: Scan) -> list[NDArray[np.float64]]:
    """Coordinates along slices, rows and columns from the centre; beyond the reach they stand."""
    sizes = zip(scan.image.shape, scan.voxel_mm, strict=True)
    return [
        ((np.arange(n) - (n - 1) / 2) * mm).clip(-_REACH_MM, _REACH_MM).astype(np.float64)
        for n, mm in sizes
    ]
