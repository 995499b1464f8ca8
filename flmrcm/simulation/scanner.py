"""One simulated scan: from the tissue in each pixel to noisy k-space."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from flmrcm.mri.coils import expand_coils, make_birdcage_maps, rss
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.mri.random_fields import draw_smooth_field
from flmrcm.seeding import seed_for
from flmrcm.simulation.anatomy import Grid, compute_tissue_amounts
from flmrcm.simulation.lesions import Lesion, grow_lesion
from flmrcm.simulation.protocol import ScanProtocol
from flmrcm.simulation.tissues import BRAIN, get_lesion_relaxation, get_relaxation

_FINEST_MM = 1.2  # the head is sampled at least this finely, then k-space is cropped to the matrix
_BIAS_MM, _PHASE_MM = 120.0, 90.0  # lengths over which shading and phase vary
_SHADED_FROM_MM = 25.0  # centre of the shading, in front: receivers are nearest to the back
_TAPER_WIDTH = 0.05  # of the Fermi window, as a fraction of the k-space radius


@dataclass(frozen=True)
class AcquisitionMatrix:
    """The size of each volume.

    Attributes:
        size: number of rows and of columns.
        slices: number of slices.
        coils: number of receiver coils; 1 is single-coil.
    """

    size: int
    slices: int
    coils: int


class SimulatedScan(NamedTuple):
    """What a scan leaves.

    Attributes:
        kspace: complex64, (slices, rows, columns), or (slices, coils, rows, columns) for several
            coils; scaled so that the median brain magnitude before noise, of a person without
            lesion, is 1.
        lesion: bool, (slices, rows, columns), the pixels of which a tumour, without its oedema, is
            more than half; None without one.
    """

    kspace: Tensor
    lesion: Tensor | None


def make_matrix_rules(size: int, slices: int) -> dict[str, tuple[bool, str]]:
    """Return the rules of `errors.require` for the size of a built-in volume."""
    return {
        "data.simulated.size": (
            16 <= size <= 512 and size % 2 == 0,
            f"give an even number from 16 to 512; got {size}.",
        ),
        "data.simulated.slices": (slices >= 1, f"at least 1; got {slices}."),
    }


def simulate_scan(
    protocol: ScanProtocol,
    matrix: AcquisitionMatrix,
    contrast: str,
    person: tuple[object, ...],
    lesion: Lesion | None = None,
) -> SimulatedScan:
    """Return the noisy k-space of one person in one contrast, and where the lesion lies.

    Args:
        protocol: scan protocol of the institution.
        matrix: size of the volume.
        contrast: a key of `protocol.sequences`.
        person: seed address of the anatomy and, with the contrast, of shading, phase and noise.
        lesion: of the person; shading, phase and noise are the same with it and without.
    """
    rng = np.random.default_rng(seed_for(*person, contrast, "scan"))
    fine = _make_fine_grid(protocol, matrix)
    image, tumour = _simulate_magnetisation(protocol, fine, contrast, person, lesion)
    coil_images = expand_coils(
        image * _simulate_receiver(protocol, fine, rng), _make_coil_maps(matrix.coils, fine.size)
    )
    kspace = _crop_kspace(fft2c(coil_images), matrix.size) * _make_taper(
        matrix.size, protocol.resolution
    )
    # noise comes last: a receiver adds it to every sample, also where the taper is 0
    noise = rng.standard_normal((2, *kspace.shape), dtype=np.float32) / np.float32(protocol.snr)
    kspace = kspace + torch.complex(*torch.from_numpy(noise))
    mask = None if tumour is None else _find_mask(tumour, matrix.size)
    return SimulatedScan(kspace if matrix.coils > 1 else kspace[:, 0], mask)


def reconstruct_magnitude(kspace: Tensor) -> Tensor:
    """Return the magnitude image of fully sampled k-space, float32, (slices, rows, columns).

    Args:
        kspace: complex64, (slices, rows, columns) or, for the root sum of squares, (slices, coils,
            rows, columns).
    """
    image = ifft2c(kspace)
    return image.abs() if image.ndim == 3 else rss(image)


def _simulate_magnetisation(
    protocol: ScanProtocol,
    grid: Grid,
    contrast: str,
    person: tuple[object, ...],
    lesion: Lesion | None,
) -> tuple[Tensor, Tensor | None]:
    """Return the image before the receiver, (slices, rows, columns), and a tumour's share of it."""
    amounts = torch.from_numpy(compute_tissue_amounts(grid, *person))
    if protocol.stripped:
        amounts[BRAIN.stop :] = 0
        amounts *= amounts[BRAIN].sum(0) > 0.5
    sequence, tumour = protocol.sequences[contrast], None
    signal = sequence.compute_signal(get_relaxation(protocol.tesla))
    image = (signal.view(-1, 1, 1, 1) * amounts).sum(0)
    level = image[amounts[BRAIN].sum(0) > 0.5].abs().median()
    if lesion is not None:
        with_lesion, tumour = map(torch.from_numpy, grow_lesion(lesion, grid, amounts.numpy()))
        own = sequence.compute_signal(get_lesion_relaxation(protocol.tesla))
        image = (torch.cat([signal, own]).view(-1, 1, 1, 1) * with_lesion).sum(0)
    return image / level, tumour


def _make_fine_grid(protocol: ScanProtocol, matrix: AcquisitionMatrix) -> Grid:
    finer = max(1, round(protocol.field_mm / matrix.size / _FINEST_MM))
    return Grid(matrix.size * finer, protocol.field_mm, matrix.slices, protocol.thickness_mm)


def _make_coil_maps(coils: int, size: int) -> Tensor:
    return make_birdcage_maps(coils, size, size) if coils > 1 else torch.ones(1, size, size)


def _simulate_receiver(protocol: ScanProtocol, grid: Grid, rng: np.random.Generator) -> Tensor:
    """Return the complex gain of the receiver at each pixel, complex64, (slices, rows, columns)."""
    z, y, x = grid.compute_axes()
    axes = z.reshape(grid.slices, grid.planes).mean(1), y, x
    bias, phase = (draw_smooth_field(rng, axes, scale) for scale in (_BIAS_MM, _PHASE_MM))
    radius = np.hypot(y[:, None] - _SHADED_FROM_MM, x) / (grid.field_mm / 2)
    gain = np.exp(protocol.bias * bias) * (1 + protocol.shading * radius**2)
    return torch.polar(
        torch.from_numpy(gain.astype(np.float32)), torch.from_numpy(protocol.phase * phase)
    )


def _crop_kspace(kspace: Tensor, size: int) -> Tensor:
    """Return the central (…, size, size) part of k-space; the image keeps its brightness."""
    full = kspace.shape[-1]
    start = full // 2 - size // 2
    # an orthonormal transform of fewer pixels would be brighter by full / size
    return kspace[..., start : start + size, start : start + size] * (size / full)


def _find_mask(share: Tensor, size: int) -> Tensor:
    """Return where a share of the fine pixels is above a half in (size, size) pixels, bool."""
    # by the way that the image takes, so that both lie alike
    return ifft2c(_crop_kspace(fft2c(share.to(torch.complex64)), size)).real > 0.5


def _make_taper(size: int, resolution: float) -> Tensor:
    """Return a Fermi window, (size, size): 1 inside the acquired disc, then falling to 0."""
    frequency = (torch.arange(size) - size // 2) / (size / 2)
    radius = torch.hypot(frequency[:, None], frequency[None, :])
    return torch.sigmoid((resolution - radius) / _TAPER_WIDTH)
