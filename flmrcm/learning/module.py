"""The Lightning module: one training step, and judging; the same under Fabric and Trainer."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch.nn.functional as F
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from flmrcm.data.transforms import denormalise
from flmrcm.learning.metrics import VolumeScores
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.types import Batch, Step

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class Prediction(NamedTuple):
    """What a slice became; images are magnitudes in the data's own units, (batch, h, w)."""

    reconstruction: Tensor
    target: Tensor
    input: Tensor
    latent: Tensor
    volume: list[str]
    slice: Tensor


class ReconModule(LightningModule):
    """A reconstructor with its loss (L1 on normalised magnitude) and its scores.

    Args:
        model: the network.
        optimizer: makes an optimizer of parameters.
    """

    def __init__(self, model: Reconstructor, optimizer: OptimizerFactory) -> None:
        super().__init__()
        self.model = model
        self.latent_size = model.latent_size
        self.make_optimizer = optimizer
        self.scores = VolumeScores()
        self.zero_filled_scores = VolumeScores()

    def forward(self, batch: Batch) -> Tensor:
        """Gives the reconstruction, (batch, 1, height, width), normalised."""
        return self.model(batch).image

    def encode(self, batch: Batch) -> Tensor:
        """Gives latents, (batch, latent_size), without running the decoder."""
        return self.model.encode(batch)

    def training_step(self, batch: Batch, batch_idx: int = 0) -> Step:
        """Gives loss, image and latent of a training batch."""
        image, latent = self.model(batch)
        return {"loss": F.l1_loss(image.float(), batch.target), "image": image, "latent": latent}

    def on_validation_epoch_start(self) -> None:
        """Forgets the scores of the site judged before."""
        self.scores.reset()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Scores the reconstruction."""
        self.scores.update(self(batch), batch)

    def on_test_epoch_start(self) -> None:
        """Forgets the scores of the site judged before."""
        self.scores.reset()
        self.zero_filled_scores.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Scores the reconstruction, and beside it what it started from."""
        self.scores.update(self(batch), batch)
        self.zero_filled_scores.update(batch.image, batch)

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> Prediction:
        """Gives images in the data's own units, on the CPU."""
        image, latent = self.model(batch)

        def to_own_units(x: Tensor) -> Tensor:
            return denormalise(x.float(), batch.mean, batch.std).squeeze(1).cpu()

        return Prediction(
            to_own_units(image),
            to_own_units(batch.target),
            to_own_units(batch.image),
            latent.float().cpu(),
            batch.volume,
            batch.slice.cpu(),
        )

    def configure_optimizers(self) -> Any:
        """Gives the optimizer at its base rate."""
        return self.make_optimizer(self.model.parameters())
