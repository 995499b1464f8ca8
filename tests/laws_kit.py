"""What the laws compare: strategies over the three hospitals, and weights bit by bit."""

from functools import partial
from typing import Any

import torch

from flmrcm.models.discriminator import discriminator
from flmrcm.strategies.fl_mrcm import FLMRCM
from flmrcm.types import Weights

TARGET = "south"


def fl_mrcm(**changes: Any) -> FLMRCM:
    """Gives FL-MRCM with a small discriminator and the south as target."""
    defaults: dict[str, Any] = {
        "target": TARGET,
        "discriminator": partial(discriminator, width=8),
        "discriminator_optimizer": torch.optim.RMSprop,
    }
    return FLMRCM(**defaults | changes)


def equal(one: Weights, other: Weights) -> bool:
    """Tells whether two sets of weights have the same names and the same bits."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
