"""A plain residual network: a few convolutions that say what the zero-filled image lacks."""

from torch import nn

from flmrcm import Reconstructor
from flmrcm.errors import require
from flmrcm.types import Batch, Reconstruction


class CNN(Reconstructor):
    """Convolutions and ReLUs around one skip connection; it has no latent.

    Args:
        channels: of every layer but the last.
        depth: convolutions, at least 2.

    Raises:
        ConfigErrors: a value outside its range.
    """

    def __init__(self, channels: int = 32, depth: int = 5) -> None:
        require(
            {
                "model.channels": (channels >= 1, f"at least 1; got {channels}."),
                "model.depth": (depth >= 2, f"at least 2; got {depth}."),
            }
        )
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, batch: Batch) -> Reconstruction:
        """Return the image, (batch, 1, height, width), normalised as the input is."""
        return Reconstruction(batch.image + self.layers(batch.image))
