"""What local training minimises: one class a loss, one file in `conf/loss/`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from flmrcm.errors import ConfigErrors, require
from flmrcm.mri.normalisation import denormalise
from flmrcm.types import Batch, Reconstruction

_WINDOW, _K1, _K2 = 7, 0.01, 0.03


class Loss(ABC):
    """A scalar that is small where a reconstruction is near what it should be.

    Attributes:
        needs_peak: whether it reads `goal.peak`.
        needs_target: whether it reads `goal.target`; a site without targets can train without.
        needs_kspace: whether it compares k-space: the model must say something of it.
        term_names: of the terms that it is a sum of, where these are measured one by one.
    """

    needs_peak: bool = False
    needs_target: bool = True
    needs_kspace: bool = False
    term_names: Sequence[str] = ()

    def divide(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return what the model may see of a training batch, and the goal that it's compared with.

        Both are the batch, unless a loss hides some of it.
        """
        return batch, batch

    @abstractmethod
    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return the loss, a scalar, in float32.

        Args:
            found: the reconstruction, normalised as the goal is.
            goal: of `divide`.
        """

    def measure(self, found: Reconstruction, goal: Batch) -> list[Tensor]:
        """Return the loss, then the values of `term_names`; scalars."""
        return [self(found, goal)]


class L1(Loss):
    """Mean absolute error of normalised magnitude (Guo et al., CVPR 2021, equation 2)."""

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return mean |image − target|."""
        return F.l1_loss(found.image.float(), goal.get_target())


class L2(Loss):
    """Mean squared error of normalised magnitude."""

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return mean (image − target)²."""
        return F.mse_loss(found.image.float(), goal.get_target())


class SSIMLoss(Loss):
    """1 − SSIM in the data's own units, the data range being each volume's maximum.

    7×7 uniform window, sample covariance, no padding (Wang et al. 2004; E2E-VarNet, Sriram et al.,
    arXiv 2004.06688, section 3.3).
    """

    needs_peak: bool = True

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return 1 − the mean over windows and slices, in [0, 2]."""
        images = found.image, goal.get_target()
        x, y = (denormalise(z.float(), goal.mean, goal.std) for z in images)
        if goal.peak is None:
            raise ConfigErrors(["loss: SSIM needs each volume's maximum, which the data lack."])
        peak = goal.peak.to(x)
        # of a black volume any range gives a number, and none of 0 does
        return 1 - compute_ssim(x, y, peak.where(peak > 0, 1.0)).mean()


class L1SSIM(Loss):
    """A weighted sum: (1 − w)·L1 + w·(1 − SSIM).

    Args:
        ssim_weight: w in [0, 1].

    Raises:
        ConfigErrors: a weight outside its range.
    """

    needs_peak: bool = True

    def __init__(self, ssim_weight: float = 0.9) -> None:
        require({"loss.ssim_weight": (0 <= ssim_weight <= 1, f"in [0, 1]; got {ssim_weight}.")})
        self.ssim_weight, self.l1, self.ssim = ssim_weight, L1(), SSIMLoss()

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return the weighted sum."""
        w = self.ssim_weight
        return (1 - w) * self.l1(found, goal) + w * self.ssim(found, goal)


def compute_ssim(x: Tensor, y: Tensor, data_range: Tensor) -> Tensor:
    """Return the structural similarity of every 7×7 window.

    Args:
        x: (batch, 1, height, width).
        y: same shape.
        data_range: (batch,), > 0.

    Returns:
        (batch, 1, height − 6, width − 6), each at most 1.
    """
    c1, c2 = ((k * data_range.view(-1, 1, 1, 1)) ** 2 for k in (_K1, _K2))
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        F.avg_pool2d(z, _WINDOW, stride=1) for z in (x, y, x * x, y * y, x * y)
    )
    sample = _WINDOW**2 / (_WINDOW**2 - 1)  # the covariance of a sample, not of a population
    var_x, var_y = sample * (mean_xx - mean_x**2), sample * (mean_yy - mean_y**2)
    covariance = sample * (mean_xy - mean_x * mean_y)
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return numerator / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
