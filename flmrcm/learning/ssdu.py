"""Training without targets: a part of what was measured is hidden, and the network has to find it.

Self-supervision via data undersampling (SSDU): Yaman et al., Magn. Reson. Med. 84 (2020) 3172.
"""

from functools import cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from flmrcm.data.transforms import prepare_images
from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.learning.losses import Loss
from flmrcm.mri.acquisition import Cartesian, keep_center
from flmrcm.mri.normalisation import normalise
from flmrcm.seeding import seed_for
from flmrcm.types import Batch, Reconstruction

GAUSSIAN, UNIFORM = "gaussian", "uniform"
_SIGMAS = 4
"""The published density's standard deviation is this part of each axis."""


class SSDU(Loss):
    """The measured samples Ω are Θ, which the network sees, and Λ, on which the loss is taken.

    It is the mean over slices of ½ ‖u − v‖₁/‖u‖₁ + ½ ‖u − v‖₂/‖u‖₂, u being the samples in Λ of all
    coils and v what the network says of them. No target is read. Λ is drawn by a slice's address,
    anew in every pass over the data. A mask's columns are divided sample by sample.

    Args:
        share: ρ = |Λ|/|Ω|, in (0, 1).
        center: rows and columns in the middle of k-space that stay in Θ, ≥ 1.
        choice: `gaussian` prefers samples near the middle, `uniform` takes all alike.

    Raises:
        ConfigErrors: a value outside its range.
    """

    needs_target: bool = False
    needs_kspace: bool = True

    CHOICES: ClassVar[tuple[str, ...]] = (GAUSSIAN, UNIFORM)

    def __init__(self, share: float = 0.4, center: int = 4, choice: str = GAUSSIAN) -> None:
        require(
            {
                "loss.share": (0 < share < 1, f"between 0 and 1; got {share}."),
                "loss.center": (center >= 1, f"at least 1; got {center}."),
            }
        )
        if problems := check_choice("loss.choice", choice, self.CHOICES):
            raise ConfigErrors(problems)
        self.share, self.center, self.choice = share, center, choice

    def divide(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return Θ, all that the network may see, and Λ, both scaled by the image of Θ.

        Raises:
            TypeError: a batch without k-space, or of evaluation.
        """
        if batch.kspace is None or batch.seeds is None:
            raise TypeError("SSDU needs k-space, and divides training batches alone")
        measured = batch.mask.expand(-1, -1, *batch.kspace.shape[-2:])
        pairs = zip(measured.cpu(), batch.seeds, strict=True)
        hidden = torch.stack([self.draw(mask[0], seed)[None] for mask, seed in pairs])
        hidden = hidden.to(batch.mask.device)
        seen = _undersample(batch, batch.kspace, measured & ~hidden)
        return seen, seen._replace(kspace=batch.kspace * hidden, mask=hidden)

    def draw(self, measured: Tensor, seed: int) -> Tensor:
        """Return Λ of one slice, bool, (rows, columns): round(ρ·|Ω|) samples, if so many are free.

        Args:
            measured: Ω, bool, (rows, columns).
            seed: of the slice in this pass.
        """
        rng, shape = np.random.default_rng(seed_for("ssdu", seed)), measured.shape
        places = np.flatnonzero(measured.numpy() & ~_mark_center(*shape, self.center))
        times = rng.standard_exponential(len(places))
        if self.choice == GAUSSIAN:
            times /= _compute_density(*shape).flat[places]
        # exponential clocks of such rates ring in the order of weighted draws without replacement
        # (Efraimidis and Spirakis 2006)
        first = np.argsort(times)[: round(self.share * int(measured.sum()))]
        hidden = torch.zeros(measured.numel(), dtype=torch.bool)
        hidden[torch.from_numpy(places[first])] = True
        return hidden.view(shape)

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return the loss; a slice without signal in Λ counts as 0."""
        if found.kspace is None or goal.kspace is None:
            raise TypeError("SSDU compares k-space, and the model says nothing of it")
        truth = normalise(goal.kspace, torch.zeros_like(goal.std), goal.std)
        error = truth - found.kspace * goal.mask
        parts = [_divide_norms(error, truth, order) for order in (1, 2)]
        return torch.stack(parts).mean()


def _undersample(batch: Batch, kspace: Tensor, mask: Tensor) -> Batch:
    """Return the batch as if only these samples had been measured: image and scale are theirs."""
    acquisition, (height, width) = Cartesian(mask), batch.image.shape[-2:]
    prepared = prepare_images(
        kspace, acquisition, None, max(height, width), False, image_shape=(height, width)
    )
    return batch._replace(**prepared._asdict(), mask=mask, kspace=acquisition.undersample(kspace))


@cache
def _compute_density(rows: int, columns: int) -> np.ndarray:
    """Return the Gaussian density of each sample, up to a factor, (rows, columns), in (0, 1]."""
    row, column = (np.arange(size) - size // 2 for size in (rows, columns))
    squares = (_SIGMAS * row / rows)[:, None] ** 2 + (_SIGMAS * column / columns) ** 2
    return np.exp(-squares / 2)


@cache
def _mark_center(rows: int, columns: int, size: int) -> np.ndarray:
    center = torch.full((1, 2), size)
    return keep_center(torch.ones(1, 1, rows, columns), center)[0, 0].numpy() > 0


def _divide_norms(error: Tensor, truth: Tensor, order: int) -> Tensor:
    """Return ‖error‖/‖truth‖ of each slice, (batch,), 0 where there is nothing to compare with."""
    above, below = (torch.linalg.vector_norm(z.flatten(1), order, dim=1) for z in (error, truth))
    return torch.where(below > 0, above, 0) / torch.where(below > 0, below, 1)
