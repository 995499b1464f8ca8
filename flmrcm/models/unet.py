"""The U-Net of fastMRI (Zbontar et al., arXiv 1811.08839), with fastMRI's parameter names.

fastMRI's public weights and the published FL-MRCM checkpoints load as they are.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flmrcm.errors import require
from flmrcm.models.reconstructor import HasLatent, Reconstructor
from flmrcm.types import Batch, Reconstruction

_SLOPE = 0.2
_LATENT_GRID = 2


class UNet(Reconstructor, HasLatent):
    """Encoder, bottleneck, decoder with skip connections; one channel in, one out.

    Args:
        channels: of the first level; each level below has twice as many.
        pools: down-sampling steps.
        dropout: probability of zeroing a channel in training, in [0, 1).

    The latent is the bottleneck, average-pooled to 2×2 and flattened:
    4 · channels · 2**pools wide (Guo et al. 2021, section 3.2).

    Raises:
        ConfigErrors: a value outside its range.
    """

    def __init__(self, channels: int = 32, pools: int = 4, dropout: float = 0.0) -> None:
        require(
            {
                "model.channels": (channels >= 1, f"at least 1; got {channels}."),
                "model.pools": (pools >= 1, f"at least 1; got {pools}."),
                "model.dropout": (0 <= dropout < 1, f"in [0, 1); got {dropout}."),
            }
        )
        super().__init__()
        widths = [channels * 2**level for level in range(pools + 1)]
        pairs = list(pairwise(widths))
        self.latent_size = _LATENT_GRID**2 * widths[-1]
        self.pools = pools
        self.down_sample_layers = nn.ModuleList(
            build_conv_block(a, b, dropout) for a, b in pairwise([1, *widths[:-1]])
        )
        self.conv = build_conv_block(*pairs[-1], dropout)
        self.up_transpose_conv = nn.ModuleList(build_up_block(b, a) for a, b in reversed(pairs))
        blocks: list[nn.Module] = [build_conv_block(b, a, dropout) for a, b in reversed(pairs)]
        blocks[-1] = nn.Sequential(blocks[-1], nn.Conv2d(channels, 1, kernel_size=1))
        self.up_conv = nn.ModuleList(blocks)

    def forward(self, batch: Batch) -> Reconstruction:
        """Reconstructs; see `Reconstructor.forward`."""
        bottleneck, skips = self._descend(batch.image)
        image = bottleneck
        for up, block in zip(self.up_transpose_conv, self.up_conv, strict=True):
            skip = skips.pop()
            image = block(torch.cat([_pad_to(up(image), skip), skip], dim=1))
        return Reconstruction(image, pool_latent(bottleneck))

    def encode(self, batch: Batch) -> Tensor:
        """Return the latent; the decoder doesn't run."""
        return pool_latent(self._descend(batch.image)[0])

    def find_size_problem(self, height: int, width: int) -> str | None:
        """Images must leave at least two pixels at the bottleneck to normalise over."""
        rows, columns = height // 2**self.pools, width // 2**self.pools
        if rows * columns >= 2:
            return None
        return (
            f"model.pools={self.pools} is too deep for {height}×{width} images: the bottleneck "
            f"would be {rows}×{columns} pixels. Lower model.pools."
        )

    def _descend(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        skips: list[Tensor] = []
        for block in self.down_sample_layers:
            image = block(image)
            skips.append(image)
            image = F.avg_pool2d(image, kernel_size=2)
        return self.conv(image), skips


class Block(nn.Module):
    """A stack of layers under the name `layers`, as fastMRI's checkpoints call it."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Run the stack, (batch, channels, height, width)."""
        return self.layers(image)


def build_conv_block(n_in: int, n_out: int, dropout: float) -> Block:
    """Return two blocks: 3×3 convolution, instance norm without parameters, leaky ReLU, dropout."""
    layers: list[nn.Module] = []
    for width in (n_in, n_out):
        layers += [
            nn.Conv2d(width, n_out, kernel_size=3, padding=1, bias=False),
            nn.InstanceNorm2d(n_out),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Dropout2d(dropout),
        ]
    return Block(*layers)


def build_up_block(n_in: int, n_out: int) -> Block:
    """Return a 2×2 transposed convolution that doubles the size, instance norm, leaky ReLU."""
    return Block(
        nn.ConvTranspose2d(n_in, n_out, kernel_size=2, stride=2, bias=False),
        nn.InstanceNorm2d(n_out),
        nn.LeakyReLU(_SLOPE, inplace=True),
    )


def pool_latent(bottleneck: Tensor) -> Tensor:
    """Return the latent, (batch, 4·channels), of a bottleneck, (batch, channels, h, w)."""
    return F.adaptive_avg_pool2d(bottleneck, _LATENT_GRID).flatten(1)


def _pad_to(image: Tensor, like: Tensor) -> Tensor:
    rows, columns = (like.shape[axis] - image.shape[axis] for axis in (-2, -1))
    return F.pad(image, (0, columns, 0, rows), "reflect") if rows or columns else image
