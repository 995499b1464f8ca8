"""MoDL: one denoiser, shared by all unrolls, and conjugate gradients between them.

Aggarwal et al., IEEE TMI 2019 (arXiv 1712.02862).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from flmrcm.errors import require
from flmrcm.models.denoisers import ResidualCNN
from flmrcm.models.norms import BATCH, INSTANCE, NORMS, build_norm, check_norm
from flmrcm.models.unrolled import Unrolled
from flmrcm.mri.acquisition import Cartesian


class MoDL(Unrolled):
    """x ← (AᴴA + λI)⁻¹ (Aᴴy + λ·z) with z = x + CNN(x), `unrolls` times, from x = Aᴴy.

    λ is learned, as its logarithm, so that it stays positive. The published training takes one
    unroll first and starts the full number from it: `init_from` does that, as the weights are the
    same for every number.

    Args:
        unrolls: K.
        layers: 3×3 convolutions of the network, each with a norm, at least 2.
        channels: of all layers but the last.
        weight: λ at the start, > 0.
        cg_steps: conjugate gradient steps in each unroll.
        norm: `batch` as published, `group` or `instance_affine`; see `build_norm`. The last layer
            has one, too: without weights, `instance`, it would fix how much the network changes.

    Raises:
        ConfigErrors: a value outside its range.
    """

    def __init__(
        self,
        unrolls: int = 10,
        layers: int = 5,
        channels: int = 64,
        weight: float = 0.05,
        cg_steps: int = 10,
        norm: str = BATCH,
    ) -> None:
        check_norm(norm, [kind for kind in NORMS if kind != INSTANCE])
        require(
            {
                "model.unrolls": (unrolls >= 1, f"at least 1; got {unrolls}."),
                "model.layers": (layers >= 2, f"at least 2; got {layers}."),
                "model.channels": (channels >= 1, f"at least 1; got {channels}."),
                "model.weight": (weight > 0, f"above 0; got {weight}."),
                "model.cg_steps": (cg_steps >= 1, f"at least 1; got {cg_steps}."),
            }
        )
        super().__init__()
        self.denoiser = _build_cnn(layers, channels, norm)
        self.log_weight = nn.Parameter(torch.tensor(math.log(weight)))
        self.unrolls, self.cg_steps = unrolls, cg_steps

    @property
    def first_denoiser(self) -> ResidualCNN:
        """The only one."""
        return self.denoiser

    def unroll(self, acquisition: Cartesian, kspace: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return magnitude, latent and k-space; see `Unrolled.unroll`."""
        zero_filled, weight = acquisition.reduce(kspace), self.log_weight.exp()
        image, latents = zero_filled, list[Tensor]()
        for _ in range(self.unrolls):
            denoised, latent = self.denoiser(image)
            image = acquisition.solve(zero_filled + weight * denoised, weight, self.cg_steps)
            latents.append(latent)
        return image.abs(), latents[0], acquisition.expand(image)


def _build_cnn(layers: int, channels: int, norm: str) -> ResidualCNN:
    features: list[nn.Module] = []
    for n_in, n_out in pairwise([2, *[channels] * (layers - 1)]):
        features += [*_build_layer(n_in, n_out, norm), nn.ReLU(inplace=True)]
    last = nn.Sequential(*_build_layer(channels, 2, norm))
    return ResidualCNN(nn.Sequential(*features), last, channels)


def _build_layer(n_in: int, n_out: int, norm: str) -> tuple[nn.Module, nn.Module]:
    # the norm has a bias of its own
    return nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), build_norm(norm, n_out)
