"""Networks from a complex image to a better one, the learned parts of unrolled reconstruction."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flmrcm.models.backbone import LATENT_GRID, Backbone, pool_latent
from flmrcm.models.norms import INSTANCE

_MULTIPLE = 16
"""fastMRI pads images to multiples of it, whatever the depth."""


class Denoiser(nn.Module, ABC):
    """A network on complex images, with features that describe them.

    Attributes:
        latent_size: width of the features.
    """

    latent_size: int

    @abstractmethod
    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the denoised image, and the latent, (batch, latent_size).

        Args:
            image: complex, (batch, height, width).
        """

    @abstractmethod
    def encode(self, image: Tensor) -> Tensor:
        """Return the latent, (batch, latent_size), without running what comes after it."""


class NormUNet(Denoiser):
    """fastMRI's U-Net on real and imaginary plane, each normalised by its own mean and deviation.

    With the parameter names of E2E-VarNet (Sriram et al., arXiv 2004.06688). An image's scale
    passes through unchanged. The latent is the bottleneck, pooled to 2×2.

    Args:
        channels: of the first level.
        pools: down-sampling steps.
        dropout: probability of zeroing a channel in training, in [0, 1).
        norm: after each convolution; see `build_norm`.
    """

    def __init__(
        self, channels: int, pools: int, dropout: float = 0.0, norm: str = INSTANCE
    ) -> None:
        super().__init__()
        self.unet = Backbone(2, channels, pools, dropout, norm)
        self.latent_size = self.unet.latent_size

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return image and latent; see `Denoiser.forward`."""
        planes, mean, std = self._normalise(image)
        bottleneck, skips = self.unet.descend(_pad(planes))
        found = _unpad(self.unet.ascend(bottleneck, skips), planes)
        return to_complex(found * std + mean, image), pool_latent(bottleneck)

    def encode(self, image: Tensor) -> Tensor:
        """Return the latent; the decoder does not run."""
        return pool_latent(self.unet.descend(_pad(self._normalise(image)[0]))[0])

    def find_size_problem(self, height: int, width: int, key: str = "model.pools") -> str | None:
        """Return what is wrong with a size; see `Reconstructor.find_size_problem`."""
        pools = self.unet.pools
        rows, columns = (-(-size // _MULTIPLE) * _MULTIPLE // 2**pools for size in (height, width))
        if rows * columns >= 2:
            return None
        return (
            f"{key}={pools} is too deep for {height}×{width} images: the bottleneck would be "
            f"{rows}×{columns} pixels. Lower {key}."
        )

    @staticmethod
    def _normalise(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        planes = to_planes(image)
        mean, std = planes.mean((-2, -1), keepdim=True), planes.std((-2, -1), keepdim=True)
        # fastMRI divides by 0 where a plane is constant, such as an all-zero slice's
        std = torch.where(std > 0, std, 1)
        return (planes - mean) / std, mean, std


class ResidualCNN(Denoiser):
    """x + CNN(x) on real and imaginary plane. The latent is the last features, pooled to 2×2.

    Args:
        features: from two planes to `channels`.
        last: from `channels` to two planes.
        channels: width of the features.
    """

    def __init__(self, features: nn.Module, last: nn.Module, channels: int) -> None:
        super().__init__()
        self.features, self.last = features, last
        self.latent_size = LATENT_GRID**2 * channels

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return image and latent; see `Denoiser.forward`."""
        planes = to_planes(image)
        features = self.features(planes)
        return to_complex(planes + self.last(features), image), pool_latent(features)

    def encode(self, image: Tensor) -> Tensor:
        """Return the latent; the last layer does not run."""
        return pool_latent(self.features(to_planes(image)))


def to_planes(image: Tensor) -> Tensor:
    """Return real and imaginary part, (batch, 2, height, width), of (batch, height, width)."""
    return torch.view_as_real(image).permute(0, 3, 1, 2)


def to_complex(planes: Tensor, like: Tensor) -> Tensor:
    """Undo `to_planes`, in the precision of a complex tensor: there is no complex bfloat16."""
    real, imaginary = planes.to(like.real.dtype).unbind(1)
    return torch.complex(real, imaginary)


def _pad(planes: Tensor) -> Tensor:
    (rows, columns) = (-size % _MULTIPLE for size in planes.shape[-2:])
    sides = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    return F.pad(planes, sides)


def _unpad(planes: Tensor, like: Tensor) -> Tensor:
    height, width = like.shape[-2:]
    top, left = (-height % _MULTIPLE) // 2, (-width % _MULTIPLE) // 2
    return planes[..., top : top + height, left : left + width]
