"""The Charbonnier loss: L1 with a smooth bottom (Charbonnier et al., ICIP 1994)."""

import torch
from torch import Tensor

from flmrcm import Loss
from flmrcm.errors import require
from flmrcm.types import Batch, Reconstruction


class Charbonnier(Loss):
    """Mean of √((image − target)² + ε²) − ε, on normalised magnitude.

    Args:
        epsilon: ε > 0, where L1 goes over into L2, in standard deviations of the input.

    Raises:
        ConfigErrors: an ε outside its range.
    """

    def __init__(self, epsilon: float = 1e-3) -> None:
        require({"loss.epsilon": (epsilon > 0, f"above 0; got {epsilon}.")})
        self.epsilon = epsilon

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return the loss of a reconstruction, ≥ 0."""
        error = found.image.float() - goal.get_target()
        return (torch.sqrt(error**2 + self.epsilon**2) - self.epsilon).mean()
