"""From one frame of CMRxRecon's k-space to coil images without the readout's oversampling."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.kspace_peak import measure_peak
from flmrcm.prepare.cmrxrecon_info import ScanSize
from flmrcm.prepare.geometry import MatrixSize, crop_or_pad
from flmrcm.prepare.phase_band import compute_band, find_acquired_columns
from flmrcm.prepare.scan import PhaseBand, UnusableVolume

_OFF_CENTER = 2.0
"""The strongest column has this many times the energy of those at the centre: it's off."""

_COARSEST_READOUT = 1.6
"""Readout pixels are as fine as those along the phase or finer: at twice their size, the field of
view was taken for the wrong one."""


@dataclass(frozen=True)
class FrameGeometry:
    """The steps from k-space to images.

    Attributes:
        missing: number of columns that are added before and behind, so that zero frequency lies in
            the centre.
        size: rows and columns of the images.
        voxel_mm: spacing of slices, rows and columns of the images, mm.
        band: what was acquired along the columns.
    """

    missing: tuple[int, int]
    size: MatrixSize
    voxel_mm: tuple[float, float, float]
    band: PhaseBand

    def reconstruct(self, kspace: NDArray[np.complex64]) -> Tensor:
        """Return the coil images of a slice, complex64, (coils, rows, columns)."""
        images = ifft2c(torch.from_numpy(_pad_columns(kspace, self.missing)))
        return torch.from_numpy(crop_or_pad(images.numpy(), self.size))


def plan_frame(kspace: NDArray[np.complex64], size: ScanSize) -> FrameGeometry:
    """Return the steps for all slices of a frame.

    Args:
        kspace: one of its slices that isn't empty, complex64, (coils, rows, columns).
        size: sizes of the stored k-space.

    Raises:
        UnusableVolume: it is undersampled, or its pixels can't be of these sizes.
    """
    missing = count_missing_columns(kspace)
    padded = _pad_columns(kspace, missing)
    (_, rows, width), (through, down, across) = padded.shape, size.voxel_mm
    # more columns over the same field of view give finer pixels
    across *= kspace.shape[-1] / width
    if down > _COARSEST_READOUT * across:
        raise UnusableVolume(
            f"pixels of {down:.2f} mm along the readout, {across:.2f} mm along the phase: add its "
            "scanner to oversampled_fov, or give voxel_mm"
        )
    shown = min(rows, round(rows / size.oversampling)), width
    band = compute_band(find_acquired_columns(padded), width, across)
    return FrameGeometry(missing, shown, (through, down, across), band)


def count_missing_columns(kspace: NDArray[np.complex64]) -> tuple[int, int]:
    """Return how many columns before and behind bring zero frequency into the centre.

    A partial Fourier scan leaves out one side, and some files don't hold its zeros.

    Args:
        kspace: complex, (coils, rows, columns).
    """
    peak, width = measure_peak(kspace), kspace.shape[-1]
    if peak.excess < _OFF_CENTER:
        return 0, 0
    zero = width // 2 + peak.columns
    return max(0, width - 2 * zero), max(0, 2 * zero - width)


def _pad_columns(kspace: NDArray[np.complex64], missing: tuple[int, int]) -> NDArray[np.complex64]:
    return np.ascontiguousarray(np.pad(kspace, ((0, 0), (0, 0), missing)))
