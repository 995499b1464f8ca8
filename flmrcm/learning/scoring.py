"""Validation and test: a model's scores and images on a split, through Lightning's Trainer."""

from collections.abc import Callable, Iterator

import torch
from pytorch_lightning import Trainer

from flmrcm.data.site import Site
from flmrcm.learning.compute import Compute, silence_lightning
from flmrcm.learning.metrics import VolumeScore
from flmrcm.learning.module import Prediction, ReconModule
from flmrcm.types import Batch


class Evaluator:
    """Scores and predicts with one Trainer.

    Args:
        compute: where to run.
    """

    def __init__(self, compute: Compute) -> None:
        self.trainer: Trainer = compute.trainer()

    def validate(self, module: ReconModule, site: Site) -> list[VolumeScore]:
        """Return the scores of the site's validation volumes."""
        self._run(self.trainer.validate, module, site)
        return module.scores.compute()

    def test(
        self, module: ReconModule, site: Site, split: str = "test"
    ) -> tuple[list[VolumeScore], list[VolumeScore]]:
        """Return the scores of the split's volumes: the reconstructions', the zero-filled images'.

        The masks are those of evaluation, also on the training split.
        """
        self._run(self.trainer.test, module, site.with_test_split(split))
        return module.scores.compute(), module.zero_filled_scores.compute()

    def predict(self, module: ReconModule, site: Site, split: str = "test") -> Iterator[Prediction]:
        """Return the split's images batch by batch, in file order."""
        for _, prediction in self.reconstruct(module, site, split):
            yield prediction

    def reconstruct(
        self, module: ReconModule, site: Site, split: str = "test"
    ) -> Iterator[tuple[Batch, Prediction]]:
        """Return the split's batches in file order, and what became of each."""
        module.eval()
        device = self.trainer.strategy.root_device
        module.to(device)
        for raw in site.dataloader(split):
            with torch.inference_mode(), self.trainer.precision_plugin.forward_context():
                batch = site.prepare_batch(raw, device)
                prediction = module.predict_step(batch)
            yield batch, prediction

    def _run(self, judge: Callable[..., object], module: ReconModule, site: Site) -> None:
        try:
            with silence_lightning():
                judge(module, datamodule=site, verbose=False)
        except SystemExit as end:
            # a Trainer ends the process at a Ctrl-C, and at a signal that is raised
            if isinstance(end.__context__, KeyboardInterrupt):
                raise end.__context__ from None
            raise
