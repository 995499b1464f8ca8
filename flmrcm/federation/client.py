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
from flmrcm.federation.border import Border
from flmrcm.federation.budget import Share
from flmrcm.federation.engine import Op, Progress, Watch
from flmrcm.federation.local_training import LocalTraining, Tally
from flmrcm.federation.wire import IN_FULL, Wire
from flmrcm.learning.judge import Judge
from flmrcm.learning.metrics import mean_scores
from flmrcm.learning.recon_module import ReconModule
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.base import Strategy
from flmrcm.types import Batch, Broadcast, Memory, Reply, SiteContext, Weights

MODEL = "model"
PRIVATE = "private"


@dataclass(frozen=True)
class Workshop:
    """What the clients of one process share; none of it remembers a site.

    Attributes:
        module: the learner; each call loads the weights it needs.
        strategy: the federated algorithm.
        local: how a site trains.
        fabric: the training toolbox.
        judge: the scorer.
        seed: the run's seed.
        watch: told how a call gets on.
        wire: how messages arrive and replies leave.
    """

    module: ReconModule
    strategy: Strategy
    local: LocalTraining
    fabric: Fabric
    judge: Judge
    seed: int
    watch: Watch
    wire: Wire = IN_FULL


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
        workshop: Workshop,
        target: Site | None = None,
        share: Share | None = None,
        border: Border | None = None,
    ) -> None:
        self.site, self.shop, self.target = site, workshop, target
        self.border = border or Border(site.name)
        self.share = share or Share(workshop.local.epochs)

    def call(self, op: Op, message: Broadcast, memory: Memory) -> Reply:
        """Gives the reply to a message, both as they travel: the border books the very objects.

        The memory is changed in place, and only by training.

        Raises:
            SiteRefuses: the site's policy forbids the call or the reply.
            FlmrcmError: a value of the reply is too large for the wire.
        """
        self.border.admit(op, self.shop.strategy, message)
        self.shop.watch(Progress(op, self.site.name, 0, 0, float("nan")))
        work = {"train": self.train, "survey": self.survey, "evaluate": self.evaluate}[op]
        with seeded(self.shop.seed, self.site.name, message.round, op):
            reply = self.shop.wire.packed(work(self.shop.wire.unpacked(message), memory))
        self.border.release(op, message.round, reply)
        return reply

    def train(self, message: Broadcast, memory: Memory) -> Reply:
        """Trains from the broadcast weights for a round."""
        context, module, local = self._context(message, memory), self.shop.module, self.shop.local
        optimizer = self._optimizer(message.round, memory)
        seen = _Seen(self._target_batches(message.round))
        rule = self.shop.strategy.local_rule(
            replace(context, learning_rate=_base_rate(optimizer), target=seen.batches)
        )
        tally = Tally(self._teller())
        batches = self._batches(message.round)
        for step in local.train(module, batches, rule, optimizer, self.shop.fabric):
            tally.add(*step)
        extras = rule.finish(module)
        if local.keep_optimizer:
            memory.optimizers[MODEL] = optimizer.state_dict()
        shared = self._parted(memory)
        metrics = {**tally.metrics(), **rule.metrics(), **seen.metrics()}
        return Reply(self.site.name, self.site.n_examples, shared, extras, metrics)

    @torch.no_grad()
    def survey(self, message: Broadcast, memory: Memory) -> Reply:
        """Answers the strategy's question about the training inputs under broadcast weights."""
        context = self._context(message, memory)
        self.shop.module.eval()
        first = self.share.visits(message.round)[0]
        batches = self._ready(self._pass(first))
        extras = self.shop.strategy.answer(context, batches)
        return Reply(self.site.name, self.site.n_examples, extras=extras)

    def evaluate(self, message: Broadcast, memory: Memory) -> Reply:
        """Judges the broadcast weights on the validation split: means over volumes."""
        self._context(message, memory)
        scores = self.shop.judge.validate(self.shop.module, self.site)
        metrics = {f"{m}/{convention}": v for (m, convention), v in mean_scores(scores).items()}
        return Reply(self.site.name, self.site.n_examples, metrics=metrics)

    def _context(self, message: Broadcast, memory: Memory) -> SiteContext:
        module = self.shop.module
        module.model.load_state_dict({**memory.tensors.get(PRIVATE, {}), **message.weights})
        self.shop.fabric.to_device(module)
        return SiteContext(
            module=module,
            message=message,
            memory=memory,
            is_target=self.site.name == self.shop.strategy.target,
            seed=seed_for(self.shop.seed, self.site.name, message.round),
            learning_rate=0.0,
        )

    def _optimizer(self, round_: int, memory: Memory) -> Optimizer:
        module, local = self.shop.module, self.shop.local
        optimizer = local.optimizer(module.model.parameters())
        base = _base_rate(optimizer)
        if local.keep_optimizer and MODEL in memory.optimizers:
            optimizer.load_state_dict(memory.optimizers[MODEL])
        for group in optimizer.param_groups:
            group["lr"] = base * local.decay(round_)
        return optimizer

    def _parted(self, memory: Memory) -> Weights:
        """Keeps private weights in the memory and gives the shared ones."""
        weights = {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in self.shop.module.model.state_dict().items()
        }
        shared = self.shop.strategy.is_shared
        if private := {k: v for k, v in weights.items() if not shared(k)}:
            memory.tensors[PRIVATE] = private
        return {k: v for k, v in weights.items() if shared(k)}

    def _batches(self, round_: int) -> Iterator[Batch]:
        passes = map(self._pass, self.share.visits(round_))
        return self._ready(islice(chain.from_iterable(passes), self.share.steps))

    def _pass(self, visit: int) -> Iterator[RawBatch]:
        loader = self.site.train_dataloader()
        cast(BatchOrder, loader.sampler).set_epoch(visit)
        return iter(loader)

    def _target_batches(self, round_: int) -> Iterator[Batch] | None:
        target, strategy = self.target, self.shop.strategy
        if target is None or self.site.name == target.name:
            return None
        passes = (
            target.companions(self.site.n_examples, strategy.target_sampling, visit, self.site.name)
            for visit in count(self.share.visits(round_)[0])
        )
        device = self.shop.fabric.device
        return (target.prepare_batch(raw, device) for raw in chain.from_iterable(passes))

    def _ready(self, raws: Iterator[RawBatch]) -> Iterator[Batch]:
        return (self.site.prepare_batch(raw, self.shop.fabric.device) for raw in raws)

    def _teller(self) -> Callable[[int, float], None]:
        total = self.site.n_examples * self.share.passes
        name, watch = self.site.name, self.shop.watch
        return lambda done, loss: watch(Progress("train", name, done, total, loss))


class _Seen:
    """Counts the bytes of another site's images that training looked at."""

    def __init__(self, batches: Iterator[Batch] | None) -> None:
        self.n_bytes = 0
        self.batches = None if batches is None else self._counted(batches)

    def metrics(self) -> dict[str, float]:
        return {} if self.batches is None else {"bytes_seen/target_images": float(self.n_bytes)}

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self.n_bytes += batch.image.nbytes
            yield batch


def _base_rate(optimizer: Optimizer) -> float:
    return float(optimizer.defaults["lr"])
