"""A round of DP-SGD: volumes drawn at random, slices' gradients clipped, noise on their sum.

Abadi et al., Deep Learning with Differential Privacy, CCS 2016, algorithm 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from torch import Tensor
from torch.optim import Optimizer

from flmrcm.data.order import BatchIndices, batch_by_size
from flmrcm.data.site import Site
from flmrcm.federation.accumulation import StepBatches
from flmrcm.federation.local_training import TrainedStep, take_step
from flmrcm.federation.training_round import TrainingRound
from flmrcm.learning.module import ReconModule
from flmrcm.privacy.accountant import Spending
from flmrcm.privacy.clipping import sum_clipped
from flmrcm.privacy.draws import Draws, SecureDraws, SeededDraws
from flmrcm.strategies.base import LocalRule
from flmrcm.types import Batch


@dataclass(frozen=True)
class Mechanism:
    """The constants of a round.

    Attributes:
        clip: C, the longest gradient of a slice.
        spending: q, σ in units of C, and the round's steps.
        expected: volumes in a step, q·N.
        chunk: slices whose gradients are in memory at once.
        secure: whether draws are the operating system's.
    """

    clip: float
    spending: Spending
    expected: float
    chunk: int
    secure: bool


@dataclass(frozen=True)
class PrivateRound(TrainingRound):
    """A round of DP-SGD.

    Attributes:
        mechanism: its constants.
        address: of the site's draws in this run.
    """

    mechanism: Mechanism
    address: tuple[object, ...]

    def train(
        self, module: ReconModule, rule: LocalRule, optimizer: Optimizer
    ) -> Iterator[TrainedStep]:
        """Train the module in place; see `TrainingRound.train`."""
        module.train()
        for step in range(self.work.steps):
            draws = self.open_draws(step)
            slices = StepBatches(list(self._read(self.draw_slices(draws), step)))
            loss = self.write_gradients(module, slices.batches, draws)
            take_step(module, rule, optimizer, self.fabric, self.local.clip_norm)
            yield slices, loss, loss

    def write_gradients(
        self, module: ReconModule, batches: Sequence[Batch], draws: Draws
    ) -> Tensor:
        """Give the parameters (Σ clipped gradients + σC·noise) / (q·N); return the mean loss."""
        own = self.mechanism
        with self.fabric.autocast():
            sums, loss = sum_clipped(module.model, module.loss, batches, own.clip, own.chunk)
        deviation = own.spending.noise * own.clip
        for name, parameter in module.model.named_parameters():
            if name in sums:
                noise = draws.gaussian(parameter.detach())
                parameter.grad = (sums[name] + deviation * noise) / own.expected
        return loss

    def open_draws(self, step: int) -> Draws:
        """Return the draws of a step of the round."""
        if self.mechanism.secure:
            return SecureDraws()
        return SeededDraws(*self.address, self.batches.round, step)

    def draw_slices(self, draws: Draws) -> list[int]:
        """Draw each volume with probability q; return the number of one slice of each drawn."""
        volumes, rate = self._volumes, self.mechanism.spending.rate
        drawn = [v for v, x in zip(volumes, draws.uniform(len(volumes)), strict=True) if x < rate]
        places = draws.uniform(len(drawn))
        return [v[int(place * len(v))] for v, place in zip(drawn, places, strict=True)]

    @cached_property
    def _volumes(self) -> list[list[int]]:
        return group_slices(self.batches.site)

    def _read(self, indices: Sequence[int], step: int) -> Iterator[Batch]:
        slices = self.batches.site.slices("train").load()
        epoch = self.batches.round * self.work.steps + step  # a slice's mask is new in each step
        for chosen in batch_by_size(indices, slices.sizes, max(len(indices), 1)):
            raw = slices[BatchIndices(chosen, epoch)]
            yield self.batches.site.prepare_batch(raw, self.batches.device)


def group_slices(site: Site) -> list[list[int]]:
    """Return the numbers of each training volume's slices; volumes lie one after another."""
    places = enumerate((v.site, v.name) for v, _ in site.slices("train").examples)
    return [[i for i, _ in group] for _, group in groupby(places, key=lambda place: place[1])]
