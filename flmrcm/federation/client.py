"""One site of the federation: it trains, answers surveys and judges; its images stay with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from typing import cast

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from flmrcm.data.order import BatchOrder
from flmrcm.data.site import Site
from flmrcm.data.slices import RawBatch
from flmrcm.federation.engine import OnProgress, Op, Progress
from flmrcm.federation.local_training import LocalTraining, TrainingMetrics
from flmrcm.federation.policy import PolicyGate
from flmrcm.federation.test_scores import number_scores
from flmrcm.federation.wire import FULL_PRECISION, Wire
from flmrcm.federation.workload import Workload
from flmrcm.learning.metrics import average_scores
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.base import Strategy
from flmrcm.types import Batch, Broadcast, Memory, Reply, SiteContext, Weights

MODEL = "model"
PRIVATE = "private"


@dataclass(frozen=True)
class ClientRuntime:
    """What the clients of one process share; none of it remembers a site.

    Attributes:
        module: the learner; each call loads the weights it needs.
        strategy: the federated algorithm.
        local: how a site trains.
        fabric: the training toolbox.
        evaluator: scores images.
        seed: the run's seed.
        watch: told how a call gets on.
        wire: how messages arrive and replies leave.
    """

    module: ReconModule
    strategy: Strategy
    local: LocalTraining
    fabric: Fabric
    evaluator: Evaluator
    seed: int
    on_progress: OnProgress
    wire: Wire = FULL_PRECISION


class Client:
    """One site's side of the wall.

    Args:
        site: its data.
        workshop: what it computes with.
        target: the target site, only where the strategy needs its images.
        share: what it trains in a round; `local.epochs` whole passes when None.
        border: lets pass what the site allows; all of it when None.
    """

    def __init__(
        self,
        site: Site,
        workshop: ClientRuntime,
        target: Site | None = None,
        share: Workload | None = None,
        border: PolicyGate | None = None,
    ) -> None:
        self.site, self.runtime, self.target = site, workshop, target
        self.gate = border or PolicyGate(site.name)
        self.workload = share or Workload(workshop.local.epochs)

    def call(self, op: Op, message: Broadcast, memory: Memory) -> Reply:
        """Gives the reply to a message, both as they travel: the border books the very objects.

        The memory is changed in place, and only by training.

        Raises:
            SiteRefuses: the site's policy forbids the call or the reply.
            FlmrcmError: a value of the reply is too large for the wire.
        """
        self.gate.admit(op, self.runtime.strategy, message)
        self.runtime.on_progress(Progress(op, self.site.name, 0, 0, float("nan")))
        works = {"train": self.train, "survey": self.survey, "validate": self.validate}
        work = (works | {"test": self.test})[op]
        with seeded(self.runtime.seed, self.site.name, message.round, op):
            reply = self.runtime.wire.pack(work(self.runtime.wire.unpack(message), memory))
        self.gate.release(op, message.round, reply)
        return reply

    def train(self, message: Broadcast, memory: Memory) -> Reply:
        """Trains from the broadcast weights for a round."""
        context, module, local = (
            self._context(message, memory),
            self.runtime.module,
            self.runtime.local,
        )
        optimizer = self._optimizer(message.round, memory)
        seen = _CountedBatches(self._target_batches(message.round))
        rule = self.runtime.strategy.local_rule(
            replace(context, learning_rate=_read_base_rate(optimizer), target=seen.batches)
        )
        tally = TrainingMetrics(self._build_callback())
        batches = self._batches(message.round)
        for step in local.train(module, batches, rule, optimizer, self.runtime.fabric):
            tally.add(*step)
        extras = rule.finish(module)
        if local.keep_optimizer:
            memory.optimizers[MODEL] = optimizer.state_dict()
        shared = self._split_weights(memory)
        metrics = {**tally.metrics(), **rule.metrics(), **seen.metrics()}
        return Reply(self.site.name, self.site.n_examples, shared, extras, metrics)

    @torch.no_grad()
    def survey(self, message: Broadcast, memory: Memory) -> Reply:
        """Answers the strategy's question about the training inputs under broadcast weights."""
        context = self._context(message, memory)
        self.runtime.module.eval()
        first = self.workload.list_epochs(message.round)[0]
        batches = self._prepare(self._epoch_batches(first))
        extras = self.runtime.strategy.answer_survey(context, batches)
        return Reply(self.site.name, self.site.n_examples, extras=extras)

    def validate(self, message: Broadcast, memory: Memory) -> Reply:
        """Judges the broadcast weights on the validation split: means over volumes."""
        self._context(message, memory)
        scores = self.runtime.evaluator.validate(self.runtime.module, self.site)
        metrics = {f"{m}/{convention}": v for (m, convention), v in average_scores(scores).items()}
        return Reply(self.site.name, self.site.n_examples, metrics=metrics)

    def test(self, message: Broadcast, memory: Memory) -> Reply:
        """Judges the broadcast weights on the test split: every volume, by number."""
        self._context(message, memory)
        scores = self.runtime.evaluator.test(self.runtime.module, self.site)
        return Reply(self.site.name, self.site.n_examples, metrics=number_scores(*scores))

    def _context(self, message: Broadcast, memory: Memory) -> SiteContext:
        module = self.runtime.module
        module.model.load_state_dict({**memory.tensors.get(PRIVATE, {}), **message.weights})
        self.runtime.fabric.to_device(module)
        return SiteContext(
            module=module,
            message=message,
            memory=memory,
            is_target=self.site.name == self.runtime.strategy.target,
            seed=seed_for(self.runtime.seed, self.site.name, message.round),
            learning_rate=0.0,
        )

    def _optimizer(self, round_: int, memory: Memory) -> Optimizer:
        module, local = self.runtime.module, self.runtime.local
        optimizer = local.optimizer(module.model.parameters())
        base = _read_base_rate(optimizer)
        if local.keep_optimizer and MODEL in memory.optimizers:
            optimizer.load_state_dict(memory.optimizers[MODEL])
        for group in optimizer.param_groups:
            group["lr"] = base * local.decay(round_)
        return optimizer

    def _split_weights(self, memory: Memory) -> Weights:
        """Keeps private weights in the memory and gives the shared ones."""
        weights = {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in self.runtime.module.model.state_dict().items()
        }
        shared = self.runtime.strategy.is_shared
        if private := {k: v for k, v in weights.items() if not shared(k)}:
            memory.tensors[PRIVATE] = private
        return {k: v for k, v in weights.items() if shared(k)}

    def _batches(self, round_: int) -> Iterator[Batch]:
        passes = map(self._epoch_batches, self.workload.list_epochs(round_))
        return self._prepare(islice(chain.from_iterable(passes), self.workload.steps))

    def _epoch_batches(self, epoch: int) -> Iterator[RawBatch]:
        loader = self.site.train_dataloader()
        cast(BatchOrder, loader.sampler).set_epoch(epoch)
        return iter(loader)

    def _target_batches(self, round_: int) -> Iterator[Batch] | None:
        target, strategy = self.target, self.runtime.strategy
        if target is None or self.site.name == target.name:
            return None
        passes = (
            target.target_batches(
                self.site.n_examples, strategy.target_sampling, epoch, self.site.name
            )
            for epoch in count(self.workload.list_epochs(round_)[0])
        )
        device = self.runtime.fabric.device
        return (target.prepare_batch(raw, device) for raw in chain.from_iterable(passes))

    def _prepare(self, raws: Iterator[RawBatch]) -> Iterator[Batch]:
        return (self.site.prepare_batch(raw, self.runtime.fabric.device) for raw in raws)

    def _build_callback(self) -> Callable[[int, float], None]:
        total = self.site.n_examples * self.workload.epochs
        name, watch = self.site.name, self.runtime.on_progress
        return lambda done, loss: watch(Progress("train", name, done, total, loss))


class _CountedBatches:
    """Counts the bytes of another site's images that training looked at."""

    def __init__(self, batches: Iterator[Batch] | None) -> None:
        self.n_bytes = 0
        self.batches = None if batches is None else self._count(batches)

    def metrics(self) -> dict[str, float]:
        return {} if self.batches is None else {"bytes_seen/target_images": float(self.n_bytes)}

    def _count(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self.n_bytes += batch.image.nbytes
            yield batch


def _read_base_rate(optimizer: Optimizer) -> float:
    return float(optimizer.defaults["lr"])
