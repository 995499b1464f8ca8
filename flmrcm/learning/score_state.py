"""The stateful shell around the metrics: slices come in, scores of whole volumes come out."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric as TorchMetric

from flmrcm.errors import DataLayoutError
from flmrcm.learning.metrics import DEFAULT_METRICS, Metric, VolumeScore, score_volume
from flmrcm.mri.normalisation import CLAMP, denormalise, normalise
from flmrcm.types import Batch


class VolumeScores(TorchMetric):
    """Collects slices until a volume is whole, scores it, and keeps the scores only.

    Expects the slices of each image size in volume order, as a site's loaders give them.

    Args:
        metrics: by name.
    """

    full_state_update = False

    def __init__(self, metrics: Mapping[str, Metric] = DEFAULT_METRICS) -> None:
        super().__init__()
        self.metrics = metrics
        self._unfinished: dict[str, list[tuple[np.ndarray, ...]]] = {}
        self._scores: list[VolumeScore] = []

    def update(self, image: Tensor, batch: Batch) -> None:
        """Add reconstructions, (batch, 1, height, width), normalised as the batch is.

        Without a target there is nothing to add.
        """
        if batch.target is None:
            return
        mean, std = batch.mean.float(), batch.std.float()
        target = denormalise(batch.target.float(), mean, std)
        clamped = normalise(target, mean, std).clamp(-CLAMP, CLAMP)
        nowhere = torch.zeros_like(target, dtype=torch.bool)
        arrays = [
            x.squeeze(1).cpu().numpy()
            for x in (
                denormalise(image.float(), mean, std),
                target,
                denormalise(clamped, mean, std),
                nowhere if batch.lesion is None else batch.lesion,
            )
        ]
        self._score_finished(arrays[0].shape[1:], set(batch.volume))
        for volume, *slices in zip(batch.volume, *arrays, strict=True):
            self._unfinished.setdefault(volume, []).append(tuple(slices))

    def compute(self) -> list[VolumeScore]:
        """Return every volume's scores."""
        self._score_finished(None, set())
        return list(self._scores)

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._unfinished, self._scores = {}, []

    def _score_finished(self, size: tuple[int, ...] | None, still_open: set[str]) -> None:
        for volume in [name for name in self._unfinished if name not in still_open]:
            slices = self._unfinished[volume]
            if size in (None, slices[0][0].shape):
                parts = zip(*slices, strict=True)
                image, target, clamped, lesion = (np.stack(part) for part in parts)
                if target.max() <= 0:
                    raise DataLayoutError(f"{volume}: the target is black throughout; remove it.")
                rows = score_volume(image, target, clamped, self.metrics, lesion)
                self._scores += [VolumeScore(volume, *row) for row in rows]
                del self._unfinished[volume]
