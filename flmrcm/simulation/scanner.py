"""One simulated scan: from the tissue in each pixel to noisy k-space."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flmrcm.mri.coils import expand_coils, make_birdcage_maps, rss
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.mri.random_fields import draw_smooth_field
from flmrcm.seeding import seed_for
from flmrcm.simulation.anatomy import Grid, compute_tissue_amounts
from flmrcm.simulation.protocol import ScanProtocol
from flmrcm.simulation.tissues import BRAIN, get_relaxation

_FINEST_MM = 1.2  # the head is drawn at least this finely, then k-space is cropped to the matrix
_BIAS_MM, _PHASE_MM = 120.0, 90.0
_SHADED_FROM_MM = 25.0  # receivers are nearest to the back of the head


@dataclass(frozen=True)
class AcquisitionMatrix:
    """What is written for each volume.

    Attributes:
        size: rows and columns.
        slices: per volume.
        coils: 1 is single-coil.
    """

    size: int
    slices: int
    coils: int


def simulate_scan(
    protocol: ScanProtocol, matrix: AcquisitionMatrix, contrast: str, person: tuple[object, ...]
) -> Tensor:
    """Gives the k-space of one person in one contrast.

    Args:
        protocol: how it is scanned.
        matrix: what is wanted.
        contrast: a key of `protocol.sequences`.
        person: address of the anatomy; together with the contrast, of shading, phase and noise.

    Returns:
        complex64, (slices, size, size), or (slices, coils, size, size) for several coils; scaled
        so that the median brain magnitude before noise is 1.
    """
    rng = np.random.default_rng(seed_for(*person, contrast, "scan"))
    fine = _make_fine_grid(protocol, matrix)
    amounts = torch.from_numpy(compute_tissue_amounts(fine, *person))
    if protocol.stripped:
        amounts[BRAIN.stop :] = 0
        amounts *= amounts[BRAIN].sum(0) > 0.5
    signal = protocol.sequences[contrast].signal(get_relaxation(protocol.tesla))
    image = (signal.view(-1, 1, 1, 1) * amounts).sum(0)
    image = image / image[amounts[BRAIN].sum(0) > 0.5].abs().median()
    coiled = expand_coils(
        image * _simulate_receiver(protocol, fine, rng), _make_coil_maps(matrix.coils, fine.size)
    )
    kspace = _crop_kspace(fft2c(coiled), matrix.size) * _make_taper(
        matrix.size, protocol.resolution
    )
    noise = rng.standard_normal((2, *kspace.shape), dtype=np.float32) / np.float32(protocol.snr)
    kspace = kspace + torch.complex(*torch.from_numpy(noise))
    return kspace if matrix.coils > 1 else kspace[:, 0]


def reconstruct_magnitude(kspace: Tensor) -> Tensor:
    """Gives the magnitude image of fully sampled k-space, float32, (slices, size, size).

    Args:
        kspace: (slices, size, size), or (slices, coils, size, size): root sum of squares.
    """
    image = ifft2c(kspace)
    return image.abs() if image.ndim == 3 else rss(image)


def _make_fine_grid(protocol: ScanProtocol, matrix: AcquisitionMatrix) -> Grid:
    finer = max(1, round(protocol.field_mm / matrix.size / _FINEST_MM))
    return Grid(matrix.size * finer, protocol.field_mm, matrix.slices, protocol.thickness_mm)


def _make_coil_maps(coils: int, size: int) -> Tensor:
    return make_birdcage_maps(coils, size, size) if coils > 1 else torch.ones(1, size, size)


def _simulate_receiver(protocol: ScanProtocol, grid: Grid, rng: np.random.Generator) -> Tensor:
    """Complex gain of the receiver at each pixel, (slices, size, size)."""
    z, y, x = grid.compute_axes()
    axes = z.reshape(grid.slices, grid.planes).mean(1), y, x
    bias, phase = (draw_smooth_field(rng, axes, scale) for scale in (_BIAS_MM, _PHASE_MM))
    radius = np.hypot(y[:, None] - _SHADED_FROM_MM, x) / (grid.field_mm / 2)
    gain = np.exp(protocol.bias * bias) * (1 + protocol.shading * radius**2)
    return torch.polar(
        torch.from_numpy(gain.astype(np.float32)), torch.from_numpy(protocol.phase * phase)
    )


def _crop_kspace(kspace: Tensor, size: int) -> Tensor:
    """The centre of k-space; brightness stays what it was."""
    full = kspace.shape[-1]
    start = full // 2 - size // 2
    return kspace[..., start : start + size, start : start + size] * (size / full)


def _make_taper(size: int, resolution: float) -> Tensor:
    """Fermi window: 1 inside the acquired disc, falling to 0 over a twentieth of the radius."""
    frequency = (torch.arange(size) - size // 2) / (size / 2)
    radius = torch.hypot(frequency[:, None], frequency[None, :])
    return torch.sigmoid((resolution - radius) / 0.05)
