"""One complex image from many coils: adaptive combination."""

import torch
import torch.nn.functional as F
from torch import Tensor

from flmrcm.mri.acquisition import keep_center
from flmrcm.mri.coils import reduce_coils, rss
from flmrcm.mri.fourier import ifft2c

_TINY = 1e-30
"""Keeps a division by an empty neighbourhood finite; far below any signal."""


def combine_adaptively(images: Tensor, width: int = 7, iterations: int = 3) -> Tensor:
    """Return the image the coils agree on, weighted by what each of them sees nearby.

    Never brighter than the root sum of squares, and less biased by noise: where there's no signal,
    coils don't agree. Keeps the phase that all coils share.

    Args:
        images: complex, (batch, coils, height, width).
        width: of the square neighbourhood, pixels, odd.
        iterations: of the estimate of the sensitivities.

    Returns:
        image, complex, (batch, height, width). One coil's image comes back as it is.
    """
    maps = estimate_coil_maps(images, width, iterations)
    return torch.stack([reduce_coils(i[None], m)[0] for i, m in zip(images, maps, strict=True)])


def estimate_coil_maps(images: Tensor, width: int = 7, iterations: int = 3) -> Tensor:
    """Estimate each coil's sensitivity from the coil images themselves.

    At each pixel it's the dominant eigenvector of the coils' covariance in the neighbourhood (Walsh
    et al. 2000, doi:10.1002/(SICI)1522-2594(200005)43:5<682::AID-MRM10>3.0.CO;2-G), found without
    building a matrix per pixel: coil images are projected on the combined image and smoothed, in
    turns (Inati et al., ISMRM 2014, 4407). Memory grows with the coils, not with their square.

    Args:
        images: complex, (batch, coils, height, width).
        width: of the square neighbourhood, pixels, odd.
        iterations: turns.

    Returns:
        sensitivities, complex, (batch, coils, height, width), Σ|maps|² = 1 wherever there's signal
        nearby, else 0. Their phase is taken against the coils' strongest common pattern, so that
        they're smooth where that pattern is seen.
    """
    pattern = _find_strongest_pattern(images)
    combined = (pattern.conj() * images).sum(1, keepdim=True)
    maps = images
    for _ in range(iterations):
        maps = _smooth(images * combined.conj(), width)
        maps = maps / rss(maps).unsqueeze(1).clamp_min(_TINY)
        # a pixel's maps may all turn by one angle; this choice gives smooth phases
        maps = maps * torch.sgn((pattern * maps.conj()).sum(1, keepdim=True))
        combined = (maps.conj() * images).sum(1, keepdim=True)
    return maps


def align_phase(maps: Tensor, images: Tensor) -> Tensor:
    """Return maps whose phase, at each pixel, is taken against the coils' strongest common pattern.

    Args:
        maps: complex, (batch, coils, height, width); at each pixel they may turn by any one angle.
        images: complex, (batch, coils, …), coil images, or their k-space: the pattern is the same.
    """
    pattern = _find_strongest_pattern(images)
    return maps * torch.sgn((pattern * maps.conj()).sum(1, keepdim=True))


@torch.no_grad()
def estimate_maps_of_center(kspace: Tensor, center: Tensor) -> Tensor:
    """Return coil maps as `estimate_coil_maps` finds them in the fully sampled centre alone.

    Args:
        kspace: complex, (batch, coils, rows, columns).
        center: int, (batch, 2), rows and columns of the centre of each slice.
    """
    return estimate_coil_maps(ifft2c(keep_center(kspace, center)))


def _find_strongest_pattern(images: Tensor) -> Tensor:
    """Return the dominant eigenvector of the coils' covariance over the image, (batch, c, 1, 1)."""
    flat = images.flatten(2)
    _, vectors = torch.linalg.eigh(flat @ flat.mH)
    strongest = vectors[..., -1]
    # eigenvectors come with any phase; one that's real in the loudest coil doesn't jump
    loudest = strongest.abs().argmax(1, keepdim=True)
    turned = strongest * torch.sgn(strongest.gather(1, loudest)).conj()
    return turned[..., None, None]


def _smooth(images: Tensor, width: int) -> Tensor:
    """Sums over a square neighbourhood, rows first, then columns; beyond the edge there's 0."""
    for axis, padding in ((-2, (0, 0, width // 2, width // 2)), (-1, (width // 2, width // 2))):
        size, padded = images.shape[axis], F.pad(images, padding)
        images = padded.narrow(axis, 0, size).clone()
        for shift in range(1, width):
            images += padded.narrow(axis, shift, size)
    return images
