"""Smooth random fields: one draw for deformations, texture, shading and phase."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_REACH_MM = 150.0  # half the side of the box in which a field is defined


def draw_smooth_field(
    rng: np.random.Generator, axes_mm: Sequence[NDArray[np.float64]], scale_mm: float
) -> NDArray[np.float32]:
    """Return a Gaussian random field at the points of a grid.

    The field is a sum of Gaussian bumps on a lattice that does not know the grid, so one generator
    state is one field, however finely it is looked at.

    Args:
        rng: drawn from once, the same number of draws for every grid.
        axes_mm: coordinates along each axis, within ±150 mm.
        scale_mm: the length over which the field varies.

    Returns:
        float32, one axis per entry of `axes_mm`; every point is normal with mean 0, variance 1.
    """
    centres = np.arange(-_REACH_MM - scale_mm, _REACH_MM + scale_mm, scale_mm / 2)
    field = rng.standard_normal((centres.size,) * len(axes_mm), dtype=np.float32)
    for axis in axes_mm:
        bumps = np.exp(-0.5 * ((axis[:, None] - centres) / (scale_mm / 2)) ** 2)
        bumps /= np.linalg.norm(bumps, axis=1, keepdims=True)
        # not tensordot: the last bits of a BLAS product depend on the number of threads
        field = np.einsum("c...,pc->...p", field, bumps.astype(np.float32))
    return field
