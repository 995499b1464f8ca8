"""A cascade of small networks with data consistency between them.

Schlemper et al., IEEE TMI 2018 (arXiv 1704.02422), D5C5: five networks of five layers each.
"""

from itertools import pairwise

from torch import Tensor, nn

from flmrcm.errors import require
from flmrcm.models.denoisers import ResidualCNN
from flmrcm.models.unrolled import Cascaded, combine_coils
from flmrcm.mri.acquisition import Cartesian

_SLOPE = 0.01


class Cascade(Cascaded):
    """x ← x + CNN(x), then the measured samples are put back; as often as there are networks.

    Of many coils the networks see the combined image, and every coil's samples are put back.

    Args:
        cascades: networks, each with weights of its own.
        layers: 3×3 convolutions of each, at least 2.
        channels: of all layers but the last.
        weight: of the measured samples, v ≥ 0 in (k + v·k₀)/(1 + v); None keeps them exactly.

    Raises:
        ConfigErrors: a value outside its range.
    """

    def __init__(
        self, cascades: int = 5, layers: int = 5, channels: int = 32, weight: float | None = None
    ) -> None:
        at_least = "at least {}; got {}.".format
        require(
            {
                "model.cascades": (cascades >= 1, at_least(1, cascades)),
                "model.layers": (layers >= 2, at_least(2, layers)),
                "model.channels": (channels >= 1, at_least(1, channels)),
                "model.weight": (weight is None or weight >= 0, f"0 or more; got {weight}."),
            }
        )
        super().__init__()
        self.cascades = nn.ModuleList(_build_cnn(layers, channels) for _ in range(cascades))
        self.weight = weight

    @property
    def first_denoiser(self) -> ResidualCNN:
        """The first network."""
        return self.cascades[0]  # pyright: ignore[reportReturnType]

    def unroll(self, acquisition: Cartesian, kspace: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return magnitude, latent and k-space; see `Unrolled.unroll`."""
        current, latents = kspace, list[Tensor]()
        for denoiser in self.cascades:
            current, latent = self.run_cascade(self._step, denoiser, acquisition, current, kspace)
            latents.append(latent)
        return combine_coils(current), latents[0], current

    def _step(
        self, denoiser: ResidualCNN, acquisition: Cartesian, current: Tensor, measured: Tensor
    ) -> tuple[Tensor, Tensor]:
        image, latent = denoiser(acquisition.reduce(current))
        expanded = acquisition.expand(image)
        return acquisition.replace_measured(expanded, measured, self.weight), latent


def _build_cnn(layers: int, channels: int) -> ResidualCNN:
    widths = [2, *[channels] * (layers - 1)]
    features: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        features += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.LeakyReLU(_SLOPE, inplace=True)]
    return ResidualCNN(nn.Sequential(*features), nn.Conv2d(channels, 2, 3, padding=1), channels)
