"""A site's training in one round: our own loop, with Lightning Fabric as its toolbox."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn.functional import pad
from torch.optim import Optimizer

from flmrcm.errors import NonFiniteLossError, require
from flmrcm.federation.accumulation import StepBatches, group_batches
from flmrcm.federation.schedules import STEP, Schedule
from flmrcm.learning.module import OptimizerFactory, ReconModule
from flmrcm.strategies.base import LocalRule
from flmrcm.types import Batch

_LOSSES_AT_ONCE = 20

TrainedStep = tuple[StepBatches, Tensor, Tensor, *tuple[Tensor, ...]]
"""A step's batches, reconstruction loss, whole loss, and the loss's terms (`Loss.term_names`)."""


@dataclass(frozen=True)
class LocalTraining:
    """How a site trains in each round.

    Args:
        optimizer: makes an optimizer for parameters.
        epochs: over the site's data per round.
        batch_size: slices per step.
        keep_optimizer: go on with the site's optimizer of the round before (published FL-MRCM)
            instead of a new one (published FL-MR).
        clip_norm: largest Euclidean norm of the gradients; None clips nothing.
        accumulate: batches whose gradients make one optimizer step: `accumulate * batch_size`
            slices, of which one batch at a time is in the network. The last step of a round takes
            what is left.
        schedule: step | cosine | warmup_cosine | none, and its numbers; see `Schedule`.
        decay_every: see there, as the rest.
        decay_factor: of `step`.
        warmup_rounds: of `warmup_cosine`.
        schedule_rounds: of both cosines.
        lowest_factor: of both cosines.

    Raises:
        ConfigErrors: a value outside its range.
    """

    optimizer: OptimizerFactory
    epochs: int = 2
    batch_size: int = 16
    keep_optimizer: bool = True
    clip_norm: float | None = None
    accumulate: int = 1
    schedule: str = STEP
    decay_every: int = 40
    decay_factor: float = 0.1
    warmup_rounds: int = 5
    schedule_rounds: int | None = None
    lowest_factor: float = 0.01

    def __post_init__(self) -> None:
        clip = self.clip_norm
        require(
            {
                "local.epochs": (self.epochs >= 1, f"at least 1; got {self.epochs}."),
                "local.batch_size": (self.batch_size >= 1, f"at least 1; got {self.batch_size}."),
                "local.clip_norm": (clip is None or clip > 0, f"above 0, or null; got {clip}."),
                "local.accumulate": (self.accumulate >= 1, f"at least 1; got {self.accumulate}."),
            }
        )
        _ = self.rates  # refuses what is outside its range

    @cached_property
    def rates(self) -> Schedule:
        """How the learning rate changes from round to round."""
        return Schedule(
            self.schedule,
            self.decay_every,
            self.decay_factor,
            self.warmup_rounds,
            self.schedule_rounds,
            self.lowest_factor,
        )

    def train(
        self,
        module: ReconModule,
        batches: Iterable[Batch],
        rule: LocalRule,
        optimizer: Optimizer,
        fabric: Fabric,
    ) -> Iterator[TrainedStep]:
        """Train the module in place; yield what is known of each step.

        Only `fabric.autocast`, `backward` and `clip_gradients` are used: a module that went
        through `fabric.setup` skips autocast in `training_step` and breaks under a Trainer.
        """
        module.train()
        for group in group_batches(batches, self.accumulate):
            optimizer.zero_grad()
            losses = [_add_gradients(module, *part, rule, fabric) for part in group.weigh()]
            take_step(module, rule, optimizer, fabric, self.clip_norm)
            loss, whole_loss, *terms = torch.stack(losses).sum(0)
            yield group, loss, whole_loss, *terms


def _add_gradients(
    module: ReconModule, batch: Batch, share: float, rule: LocalRule, fabric: Fabric
) -> Tensor:
    """Add a batch's gradients, times its share; return its losses and their terms, times that."""
    with fabric.autocast():
        step = rule.extend(module.training_step(batch), batch)
    # outside autocast: a rule's own networks train in float32
    rule.observe(step, batch)
    with fabric.autocast():
        loss = step["loss"] + rule.penalty(step, batch)
    fabric.backward(loss * share)
    values = step["loss"], loss, *step.get("terms", ())
    return torch.stack([value.detach().float() for value in values]) * share


def take_step(
    module: ReconModule,
    rule: LocalRule,
    optimizer: Optimizer,
    fabric: Fabric,
    clip_norm: float | None,
) -> None:
    """Take one optimizer step with the gradients that the module's parameters hold."""
    rule.adjust_gradients(module)
    if clip_norm is not None:
        fabric.clip_gradients(module, optimizer, max_norm=clip_norm)
    optimizer.step()


class TrainingMetrics:
    """Measurements of a round of local training; values stay on the device until they are read.

    Args:
        on_step: called with the slices done and the newest loss, every few steps.
        term_names: of the loss's terms.
    """

    def __init__(
        self, on_step: Callable[[int, float], None], term_names: Sequence[str] = ()
    ) -> None:
        self.on_step, self.term_names = on_step, term_names
        self.started = time.perf_counter()
        self.n_steps = self.n_slices = 0
        self.volumes: set[str] = set()
        self._sums = torch.zeros(3, dtype=torch.float64)
        self._unread: list[Tensor] = []

    def add(self, batches: StepBatches, loss: Tensor, whole_loss: Tensor, *terms: Tensor) -> None:
        """Add a step's batches, reconstruction loss, whole loss and the loss's terms (scalars)."""
        self.n_steps += 1
        self.n_slices += len(batches.volume)
        self.volumes.update(batches.volume)
        # of no batch it lies on no device yet
        share = batches.measured_share.to(loss.device)
        values = loss.float(), whole_loss.float(), share, *terms
        # reading a value waits for the device, so values are collected there
        self._unread.append(torch.stack(values))
        # the first step's at once: a broken run must not train on for twenty steps unseen
        if len(self._unread) == _LOSSES_AT_ONCE or self.n_steps == 1:
            self.read()

    def read(self) -> None:
        """Read the losses from the device; reading many at once keeps the device busy.

        Raises:
            NonFiniteLossError: a loss is NaN or infinite.
        """
        if not self._unread:
            return
        steps = torch.stack(self._unread).double().cpu()
        self._unread.clear()
        finite = torch.isfinite(steps).all(1)
        if not finite.all():
            step = self.n_steps - len(steps) + 1 + int(finite.logical_not().nonzero()[0])
            raise NonFiniteLossError(
                f"step {step}: the loss isn't finite. Lower local.optimizer.lr, or set "
                "local.clip_norm=1."
            )
        self._sums = pad(self._sums, (0, steps.shape[1] - len(self._sums))) + steps.sum(0)
        self.on_step(self.n_slices, float(steps[-1, 0]))

    def compute(self) -> dict[str, float]:
        """Return means over steps, and how long they took.

        `loss`, `penalty`, `acceleration`, and `loss/NAME` of each term that was measured.
        """
        self.read()
        seconds = time.perf_counter() - self.started
        loss, whole_loss, sampled, *terms = (self._sums / self.n_steps).tolist()
        names = (f"loss/{name}" for name in self.term_names)
        return {
            "loss": loss,
            **dict(zip(names, terms, strict=False)),  # a private round measures none
            "penalty": whole_loss - loss,
            "acceleration": 1 / sampled,
            "steps": float(self.n_steps),
            "seconds": seconds,
            "slices_per_second": self.n_slices / seconds,
        }
