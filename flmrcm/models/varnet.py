"""The end-to-end variational network (Sriram et al., MICCAI 2020, arXiv 2004.06688).

fastMRI's parameter names, so that its public state dicts load as they are.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from flmrcm.errors import require
from flmrcm.models.backbone import describe_ranges
from flmrcm.models.denoisers import NormUNet
from flmrcm.models.norms import INSTANCE, check_norm
from flmrcm.models.unrolled import Cascaded, combine_coils, get_center
from flmrcm.mri.acquisition import Cartesian, keep_center
from flmrcm.mri.fourier import ifft2c
from flmrcm.types import Batch


class VarNet(Cascaded):
    """k ← k − η·M(k − k₀) − F S R(Sᴴ F⁻¹ k), with a network R and a step η of each cascade.

    A network of its own estimates the coil maps S from the fully sampled centre; one coil's map
    is a phase. Where the batch has maps, those are taken, and that network's weights stay as they
    are.

    Args:
        cascades: their number.
        channels: of R's first level.
        pools: down-sampling steps of R.
        sens_channels: of the first level of the maps' network.
        sens_pools: its down-sampling steps.
        norm: of both kinds of networks; see `build_norm`.

    Raises:
        ConfigErrors: a value outside its range.
    """

    learns_maps: ClassVar[bool] = True

    def __init__(
        self,
        cascades: int = 12,
        channels: int = 18,
        pools: int = 4,
        sens_channels: int = 8,
        sens_pools: int = 4,
        norm: str = INSTANCE,
    ) -> None:
        check_norm(norm)
        require(
            {
                "model.cascades": (cascades >= 1, f"at least 1; got {cascades}."),
                **describe_ranges(channels, pools),
                **describe_ranges(sens_channels, sens_pools, key="model.sens_"),
            }
        )
        super().__init__()
        self.sens_net = SensitivityNet(sens_channels, sens_pools, norm)
        self.cascades = nn.ModuleList(VarNetCascade(channels, pools, norm) for _ in range(cascades))

    @property
    def first_denoiser(self) -> NormUNet:
        """The first cascade's network."""
        return self.cascades[0].model  # pyright: ignore[reportReturnType]

    def find_maps(self, kspace: Tensor, batch: Batch) -> Tensor:
        """Return the batch's coil maps or learned ones, complex, (batch, coils, rows, columns)."""
        if batch.maps is not None:
            return super().find_maps(kspace, batch)
        return self.sens_net(keep_center(kspace, get_center(batch)))

    def unroll(self, acquisition: Cartesian, kspace: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return magnitude, latent and k-space; see `Unrolled.unroll`."""
        current, latents = kspace, list[Tensor]()
        for cascade in self.cascades:
            current, latent = self.run_cascade(cascade, current, kspace, acquisition)
            latents.append(latent)
        return combine_coils(current), latents[0], current

    def find_size_problem(self, height: int, width: int) -> str | None:
        """Images must leave at least two pixels at each bottleneck to normalise over."""
        sens = self.sens_net.norm_unet.find_size_problem(height, width, "model.sens_pools")
        return self.first_denoiser.find_size_problem(height, width) or sens


class VarNetCascade(nn.Module):
    """One step: towards the measurement, and away from what the network says is wrong.

    Args:
        channels: of the network's first level.
        pools: its down-sampling steps.
        norm: see `build_norm`.
    """

    def __init__(self, channels: int, pools: int, norm: str) -> None:
        super().__init__()
        self.model = NormUNet(channels, pools, norm=norm)
        self.dc_weight = nn.Parameter(torch.ones(1))

    def forward(
        self, current: Tensor, measured: Tensor, acquisition: Cartesian
    ) -> tuple[Tensor, Tensor]:
        """Return the next k-space, (batch, coils, rows, columns), and the network's latent."""
        wrong, latent = self.model(acquisition.reduce(current))
        error = acquisition.measure_error(current, measured)
        return current - self.dc_weight * error - acquisition.expand(wrong), latent


class SensitivityNet(nn.Module):
    """Coil maps from the centre of k-space: a network on each coil's image, then Σ|maps|² = 1.

    Args:
        channels: of the network's first level.
        pools: its down-sampling steps.
        norm: see `build_norm`.
    """

    def __init__(self, channels: int, pools: int, norm: str) -> None:
        super().__init__()
        self.norm_unet = NormUNet(channels, pools, norm=norm)

    def forward(self, center: Tensor) -> Tensor:
        """Return maps, complex, shaped as the k-space, (batch, coils, rows, columns)."""
        images = ifft2c(center)
        maps = self.norm_unet(images.flatten(0, 1))[0].unflatten(0, images.shape[:2])
        norm = torch.linalg.vector_norm(maps, dim=1, keepdim=True)
        # fastMRI divides by 0 in an all-zero slice
        return maps / torch.where(norm > 0, norm, 1)
