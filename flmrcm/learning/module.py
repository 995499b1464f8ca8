"""The Lightning module: a training step, validation, test; the same under Fabric and Trainer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from flmrcm.learning.losses import L1, Loss
from flmrcm.learning.metrics import DEFAULT_METRICS, Metric
from flmrcm.learning.score_state import VolumeScores
from flmrcm.models.reconstructor import HasLatent, Reconstructor
from flmrcm.mri.normalisation import denormalise
from flmrcm.types import Batch, Step

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class Prediction(NamedTuple):
    """What a batch of slices became.

    Attributes:
        reconstruction: magnitude in the data's own units, (batch, height, width).
        target: same; None where there is none.
        input: same; the zero-filled image.
        latent: (batch, latent_size); None where the model has none.
        volume: `site/volume` of each slice.
        slice: (batch,), index within the volume.
    """

    reconstruction: Tensor
    target: Tensor | None
    input: Tensor
    latent: Tensor | None
    volume: list[str]
    slice: Tensor


class ReconModule(LightningModule):
    """A reconstructor with its loss and its scores.

    Args:
        model: the network.
        optimizer: makes an optimizer of parameters.
        loss: what training minimises; L1 on normalised magnitude when not given.
        metrics: what images are scored by, by name.
    """

    def __init__(
        self,
        model: Reconstructor,
        optimizer: OptimizerFactory,
        loss: Loss | None = None,
        metrics: Mapping[str, Metric] = DEFAULT_METRICS,
    ) -> None:
        super().__init__()
        self.model = model
        self.make_optimizer = optimizer
        self.loss = loss or L1()
        self.metrics = metrics
        self.scores = VolumeScores(metrics)
        self.zero_filled_scores = VolumeScores(metrics)

    @property
    def latent_size(self) -> int:
        """The width of the model's latent; 0 where it has none."""
        return self.model.latent_size if isinstance(self.model, HasLatent) else 0

    def forward(self, batch: Batch) -> Tensor:
        """Return the reconstruction, (batch, 1, height, width), normalised."""
        return self.model(batch).image

    def encode(self, batch: Batch) -> Tensor:
        """Return latents, (batch, latent_size), without running the decoder.

        Raises:
            TypeError: the model has none; the check before a run says so in words.
        """
        if not isinstance(self.model, HasLatent):
            raise TypeError(f"{type(self.model).__name__} has no latent")
        return self.model.encode(batch)

    def training_step(self, batch: Batch, batch_idx: int = 0) -> Step:
        """Return loss, image and, if the model has one, latent of a training batch."""
        seen, goal = self.loss.divide(batch)
        found = self.model(seen)
        loss, *terms = self.loss.measure(found, goal)
        step: Step = {"loss": loss, "image": found.image}
        if terms:
            step["terms"] = terms
        return step if found.latent is None else {**step, "latent": found.latent}

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the site before."""
        self.scores.reset()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Score the reconstruction."""
        self.scores.update(self(batch), batch)

    def on_test_epoch_start(self) -> None:
        """Forget the scores of the site before."""
        self.scores.reset()
        self.zero_filled_scores.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Score the reconstruction, and beside it what it started from."""
        self.scores.update(self(batch), batch)
        self.zero_filled_scores.update(batch.image, batch)

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> Prediction:
        """Return images in the data's own units, on the CPU."""
        image, latent, _ = self.model(batch)

        def to_own_units(x: Tensor) -> Tensor:
            return denormalise(x.float(), batch.mean, batch.std).squeeze(1).cpu()

        return Prediction(
            to_own_units(image),
            None if batch.target is None else to_own_units(batch.target),
            to_own_units(batch.image),
            None if latent is None else latent.float().cpu(),
            batch.volume,
            batch.slice.cpu(),
        )

    def configure_optimizers(self) -> Any:
        """Return the optimizer at its base rate."""
        return self.make_optimizer(self.model.parameters())
