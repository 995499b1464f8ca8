"""Samples all over the plane, denser in the centre: two phase-encoding directions, as in 3-D."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import RandomState

from flmrcm import Mask
from flmrcm.errors import require
from flmrcm.mri.masks import Sampling, Shape, get_center_columns


@dataclass(frozen=True)
class PlaneMask(Mask):
    """Exactly round(rows·columns/R) samples: a full rectangle in the centre, the rest drawn.

    The centre fraction is a share of all samples. Outside the centre a sample is drawn with a
    weight of (1 − d)^power, d being its distance from the centre: 0 in the middle, 1 in a corner.

    Args:
        power: how fast the density falls, ≥ 0; 0 is uniform.

    Raises:
        ConfigErrors: a value outside its range.
    """

    power: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require({"mask.power": (self.power >= 0, f"at least 0; got {self.power}.")})

    def draw(
        self, shape: Shape, acceleration: float, fraction: float, rng: RandomState
    ) -> Sampling:
        """Return a mask, (rows, columns), and the size of its centre."""
        (rows, columns), side = shape, fraction**0.5
        center = int(rows * side), int(columns * side)
        y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
        weight = (1 - np.hypot(y, x) / 2**0.5).clip(1e-9) ** self.power
        weight[get_center_columns(rows, center[0]), get_center_columns(columns, center[1])] = np.inf
        # the smallest of exponential draws, each over its weight, are a draw without replacement
        order = np.argsort(rng.exponential(size=shape) / weight, axis=None)
        mask = np.zeros(shape, bool)
        mask.flat[order[: round(mask.size / acceleration)]] = True
        return Sampling(torch.from_numpy(mask), center)
