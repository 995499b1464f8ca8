"""From an image to the k-space that is written, and from this k-space to its target."""

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

_PHASE_MM = 90.0  # length over which the phase varies
_PHASE_RADIANS = 1.0  # its standard deviation
_REACH_MM = 150.0  # `draw_smooth_field` accepts no coordinates beyond this
_BLOCK = 4  # images that are transformed at a time: they fit into a processor's cache


class EncodedVolume(NamedTuple):
    """The arrays that are written for a volume.

    Attributes:
        kspace: complex64, (slices, rows, columns) or (slices, coils, rows, columns).
        target: magnitude, float32, (slices, rows, columns).
    """

    kspace: NDArray[np.complex64]
    target: NDArray[np.float32]


def encode_volume(image: NDArray[Any], acquired: slice | None = None) -> EncodedVolume:
    """Return centred orthonormal k-space, and the target that is computed from it.

    Args:
        image: real or complex, (slices, rows, columns) or, with the root sum of squares as target,
            (slices, coils, rows, columns).
        acquired: the columns outside of which the k-space is written as zeros; None: all columns.
    """
    outside = np.ones(image.shape[-1], bool)
    outside[acquired or slice(None)] = False
    kspace = np.empty(image.shape, np.complex64)
    target = np.empty((len(image), *image.shape[-2:]), np.float32)
    step = max(1, _BLOCK // (image.shape[1] if image.ndim == 4 else 1))
    for start in range(0, len(image), step):
        block = slice(start, start + step)
        part = fft2c(torch.from_numpy(np.ascontiguousarray(image[block], np.complex64)))
        part[..., torch.from_numpy(outside)] = 0
        kspace[block] = part.numpy()
        # from the k-space, not from the image: both must agree to the last bit
        reconstruction = ifft2c(part)
        magnitude = rss(reconstruction) if reconstruction.ndim == 4 else reconstruction.abs()
        target[block] = magnitude.numpy()
    return EncodedVolume(kspace, target)


def keep_phase(scan: Scan, _seed: int) -> Scan:
    """Return the scan as it is: the k-space of a magnitude is conjugate-symmetric."""
    return scan


def add_smooth_phase(scan: Scan, seed: int) -> Scan:
    """Return a magnitude with a random phase that varies over 90 mm by about 1 radian.

    The phase breaks the symmetry of k-space, from which a network could compute one half from the
    other. A measured phase stays.

    Args:
        scan: image (slices, rows, columns).
        seed: seed of the phase, different for each volume.
    """
    if scan.kspace_origin != "magnitude":
        return scan
    phase = _PHASE_RADIANS * draw_smooth_field(
        np.random.default_rng(seed_for("phase", seed)), _compute_axes_mm(scan), _PHASE_MM
    )
    image = np.empty(scan.image.shape, np.complex64)
    # slice by slice: complex numbers in double precision would need much memory
    for index, magnitude in enumerate(scan.image):
        image[index] = magnitude * np.exp(1j * phase[index])
    return replace(scan, image=image, kspace_origin="magnitude+phase")


PHASES: Mapping[str, Callable[[Scan, int], Scan]] = {
    "none": keep_phase,
    "smooth": add_smooth_phase,
}
"""Name → what is done about the missing phase of a magnitude; takes a scan and a seed."""


def _compute_axes_mm(scan: Scan) -> list[NDArray[np.float64]]:
    """Return coordinates along slices, rows and columns in mm from the centre, within ±150 mm."""
    sizes = zip(scan.image.shape, scan.voxel_mm, strict=True)
    return [
        ((np.arange(n) - (n - 1) / 2) * mm).clip(-_REACH_MM, _REACH_MM).astype(np.float64)
        for n, mm in sizes
    ]
