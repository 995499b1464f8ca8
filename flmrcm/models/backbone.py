"""The layers of fastMRI's U-Net (Zbontar et al., arXiv 1811.08839), with its parameter names.

fastMRI's public weights and the published FL-MRCM checkpoints load as they are.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flmrcm.models.norms import INSTANCE, build_norm

_SLOPE = 0.2
LATENT_GRID = 2
"""Features are pooled to so many rows and columns for a latent."""


class Backbone(nn.Module):
    """Encoder, bottleneck, decoder with skip connections, on plain tensors.

    Args:
        planes: channels in and out.
        channels: of the first level; each level below has twice as many.
        pools: down-sampling steps.
        dropout: probability of zeroing a channel in training, in [0, 1).
        norm: after each convolution; see `build_norm`.
    """

    def __init__(
        self,
        planes: int,
        channels: int,
        pools: int,
        dropout: float = 0.0,
        norm: str = INSTANCE,
    ) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(pools + 1)]
        pairs = list(pairwise(widths))
        self.latent_size = LATENT_GRID**2 * widths[-1]
        self.pools = pools
        self.down_sample_layers = nn.ModuleList(
            build_conv_block(a, b, dropout, norm) for a, b in pairwise([planes, *widths[:-1]])
        )
        self.conv = build_conv_block(*pairs[-1], dropout, norm)
        self.up_transpose_conv = nn.ModuleList(
            build_up_block(b, a, norm) for a, b in reversed(pairs)
        )
        blocks: list[nn.Module] = [
            build_conv_block(b, a, dropout, norm) for a, b in reversed(pairs)
        ]
        blocks[-1] = nn.Sequential(blocks[-1], nn.Conv2d(channels, planes, kernel_size=1))
        self.up_conv = nn.ModuleList(blocks)

    def descend(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the bottleneck and, from the top down, what the skip connections carry.

        Args:
            image: (batch, planes, height, width).
        """
        skips: list[Tensor] = []
        for block in self.down_sample_layers:
            image = block(image)
            skips.append(image)
            image = F.avg_pool2d(image, kernel_size=2)
        return self.conv(image), skips

    def ascend(self, bottleneck: Tensor, skips: list[Tensor]) -> Tensor:
        """Return the image, (batch, planes, height, width); the arguments are `descend`'s."""
        image = bottleneck
        for up, block, skip in zip(
            self.up_transpose_conv, self.up_conv, reversed(skips), strict=True
        ):
            image = block(torch.cat([_pad_to(up(image), skip), skip], dim=1))
        return image


class Block(nn.Module):
    """A stack of layers under the name `layers`, as fastMRI's checkpoints call it."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Run the stack, (batch, channels, height, width)."""
        return self.layers(image)


def build_conv_block(n_in: int, n_out: int, dropout: float, norm: str = INSTANCE) -> Block:
    """Return two blocks: 3×3 convolution, norm, leaky ReLU, dropout."""
    layers: list[nn.Module] = []
    for width in (n_in, n_out):
        layers += [
            nn.Conv2d(width, n_out, kernel_size=3, padding=1, bias=False),
            build_norm(norm, n_out),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Dropout2d(dropout),
        ]
    return Block(*layers)


def build_up_block(n_in: int, n_out: int, norm: str = INSTANCE) -> Block:
    """Return a 2×2 transposed convolution that doubles the size, norm, leaky ReLU."""
    return Block(
        nn.ConvTranspose2d(n_in, n_out, kernel_size=2, stride=2, bias=False),
        build_norm(norm, n_out),
        nn.LeakyReLU(_SLOPE, inplace=True),
    )


def pool_latent(features: Tensor) -> Tensor:
    """Return the latent, (batch, 4·channels), of features, (batch, channels, h, w)."""
    return F.adaptive_avg_pool2d(features, LATENT_GRID).flatten(1)


def describe_ranges(
    channels: int, pools: int, dropout: float = 0.0, key: str = "model."
) -> Mapping[str, tuple[bool, str]]:
    """Return the rules for a backbone's arguments, as `errors.require` takes them.

    Args:
        channels: see `Backbone`.
        pools: same.
        dropout: same.
        key: how the config's keys begin.
    """
    return {
        f"{key}channels": (channels >= 1, f"at least 1; got {channels}."),
        f"{key}pools": (pools >= 1, f"at least 1; got {pools}."),
        f"{key}dropout": (0 <= dropout < 1, f"in [0, 1); got {dropout}."),
    }


def _pad_to(image: Tensor, like: Tensor) -> Tensor:
    rows, columns = (like.shape[axis] - image.shape[axis] for axis in (-2, -1))
    return F.pad(image, (0, columns, 0, rows), "reflect") if rows or columns else image
