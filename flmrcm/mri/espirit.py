"""ESPIRiT: coil maps from the null space of the fully sampled centre, computed by sigpy.

Uecker et al., MRM 2014 (doi:10.1002/mrm.24751). Whatever the network must not see stays outside:
the functions here get the centre alone.
"""

from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flmrcm.mri.coil_combination import align_phase

INSTALL_HINT = "pip install 'flmrcm[espirit]'"


def has_sigpy() -> bool:
    """Return whether sigpy is installed."""
    return find_spec("sigpy") is not None


def cut_center(kspace: Tensor, width: int) -> Tensor:
    """Return the central square of k-space, complex64, (coils, width, width), on the CPU.

    Args:
        kspace: complex, (coils, rows, columns).
        width: rows and columns to keep; where masks put a centre of that size.
    """
    top, left = ((size - width + 1) // 2 for size in kspace.shape[-2:])
    square = kspace[:, top : top + width, left : left + width]
    return (square.cpu() + 0.0).contiguous()  # of the two zeros the positive one: equal bytes


def estimate_espirit_maps(
    square: Tensor, shape: tuple[int, int], kernel: int, threshold: float, crop: float
) -> Tensor:
    """Return coil maps, complex64, (coils, rows, columns), with Σ|maps|² = 1 where they aren't 0.

    Their phase is that of adaptive maps, and not sigpy's, which jumps where the first coil sees
    little: so a network may be tested with either. An empty centre gives zeros.

    Args:
        square: the calibration region, complex64, (coils, width, width).
        shape: rows and columns of the maps.
        kernel: width of the kernels, samples, at most that of the square.
        threshold: singular values below this share of the largest one span the null space.
        crop: maps are 0 where the largest eigenvalue, at most about 1, isn't above it.
    """
    if not square.any():
        return square.new_zeros(len(square), *shape)
    import sigpy  # an extra, and slow to import
    from sigpy.mri.app import EspiritCalib

    # sigpy divides by the first coil's map: a blind one would make all of them NaN
    loudest = int(square.abs().square().sum((1, 2)).argmax())
    kspace = sigpy.resize(square.roll(-loudest, 0).numpy(), (len(square), *shape))
    with np.errstate(all="ignore"):  # 0/0 where its map is 0
        calibration: Any = EspiritCalib(
            kspace,
            calib_width=square.shape[-1],
            thresh=threshold,
            kernel_width=kernel,
            crop=crop,
            show_pbar=False,
        )
        maps = np.nan_to_num(np.ascontiguousarray(calibration.run(), np.complex64))
    return align_phase(torch.from_numpy(maps).roll(loudest, 0)[None], square[None])[0]
