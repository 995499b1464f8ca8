"""One site of the federation: it answers surveys, trains and tests; its images stay there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from flmrcm.data.site import Site
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.engine import OnProgress, Operation, Progress
from flmrcm.federation.local_training import LocalTraining, TrainingMetrics
from flmrcm.federation.middleware import SiteHalf
from flmrcm.federation.training_round import TrainingRound
from flmrcm.federation.volume_scores import number_scores
from flmrcm.federation.workload import CallWork, Workload
from flmrcm.learning.losses import Loss
from flmrcm.learning.metrics import average_scores
from flmrcm.learning.module import ReconModule
from flmrcm.learning.records import SAVED_BY_RUNS, save_volumes
from flmrcm.learning.scoring import Evaluator
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.base import PERSONAL, PRIVATE, LocalRule, Strategy
from flmrcm.types import Broadcast, Memory, Reply, SiteContext, Weights

MODEL = "model"


@dataclass(frozen=True)
class ClientRuntime:
    """What the clients of one process share; nothing of it depends on a site.

    Attributes:
        module: the learner; each call loads the weights it needs.
        strategy: the federated algorithm.
        local: how a site trains.
        fabric: the training toolbox.
        evaluator: scores images.
        seed: the run's seed.
        on_progress: called with what a site is doing.
        initial: the run's initial values of the weights that stay at the sites.
        saved_volumes: test volumes a site keeps reconstructions of; None keeps all.
    """

    module: ReconModule
    strategy: Strategy
    local: LocalTraining
    fabric: Fabric
    evaluator: Evaluator
    seed: int
    on_progress: OnProgress
    initial: Weights = field(default_factory=dict[str, torch.Tensor])
    saved_volumes: int | None = 0


class Client:
    """The site's side of every call.

    Args:
        site: its data.
        runtime: what it computes with.
        target: the target site, only where the strategy needs its images.
        chain: the site's halves of the middleware, from the transport inwards.
        volumes: folder for reconstructions of test volumes; None keeps none.
        loss: what it minimises; the runtime's when None.
    """

    def __init__(
        self,
        site: Site,
        runtime: ClientRuntime,
        target: Site | None = None,
        chain: Sequence[SiteHalf] = (),
        volumes: Path | None = None,
        loss: Loss | None = None,
    ) -> None:
        self.site, self.runtime, self.target = site, runtime, target
        self.chain, self.volumes = chain, volumes
        self.loss = loss or runtime.module.loss

    def call(
        self, op: Operation, message: Broadcast, memory: Memory, workload: Workload | None = None
    ) -> Reply:
        """Return the reply to a message, both as they travel.

        Args:
            op: what the site is to do.
            message: from the server.
            memory: the site's; changed in place, and only by training.
            workload: what it trains in a round; `local.epochs` whole epochs when None.

        Raises:
            SiteRefuses: the site's policy forbids the call or the reply.
            FlmrcmError: the site cannot do its work; one line says why.
        """
        # the policy is the first of these: what it refuses, nothing is computed for
        for half in self.chain:
            message = half.before(op, message, memory)
        self.runtime.on_progress(Progress(op, self.site.name, 0, 0, float("nan")))
        workload = workload or Workload(self.runtime.local.epochs)
        device = self.runtime.fabric.device
        batches = SiteBatches(self.site, device, workload, message.round)
        with seeded(self.runtime.seed, self.site.name, message.round, op):
            reply = self._work(op, message, memory, batches)
        for half in reversed(self.chain):
            reply = half.after(op, message.round, reply, memory)
        return reply

    def _work(
        self, op: Operation, message: Broadcast, memory: Memory, batches: SiteBatches
    ) -> Reply:
        if op == "train":
            return self._train(message, memory, batches)
        if op == "survey":
            return self._survey(message, memory, batches)
        personal = self.runtime.strategy.personal_weights(memory, message.weights)
        self._load(personal)
        return self._validate() if op == "validate" else self._test()

    def _train(self, message: Broadcast, memory: Memory, batches: SiteBatches) -> Reply:
        """Train from the broadcast weights for a round."""
        module, local, strategy = self.runtime.module, self.runtime.local, self.runtime.strategy
        self._load(message.weights, memory.tensors.get(PRIVATE))
        module.loss = self.loss  # sites share the module
        optimizer = self._build_optimizer(message.round, memory)
        rate = max(float(group["lr"]) for group in optimizer.param_groups)
        plan = TrainingRound(batches, batches.count_work(rate), local, self.runtime.fabric)
        plan = reduce(lambda plan, half: half.plan_training(plan, memory), self.chain, plan)
        self._check_work("train", plan.work)
        target = None
        if self.target is not None and self.target.name != self.site.name:
            target = batches.accompany(self.target, strategy.target_sampling)
        context = self._build_context(message, memory)
        rule = strategy.local_rule(
            replace(context, learning_rate=_read_base_rate(optimizer), target=target)
        )
        total = self.site.n_examples * batches.workload.epochs
        metrics = TrainingMetrics(lambda done, loss: self._report(done, total, loss))
        for step in plan.train(module, rule, optimizer):
            metrics.add(*step)
        extras = rule.finish(module)
        if local.keep_optimizer:
            memory.optimizers[MODEL] = optimizer.state_dict()
        shared = self._split_weights(memory)
        seen = {"bytes_seen/target_images": float(target.n_bytes)} if target else {}
        values = {**metrics.compute(), **rule.metrics(), **seen}
        if personal := strategy.personal_rule(context):
            values["personal_loss"] = self._train_personal(personal, message, memory, batches)
        return Reply(self.site.name, self.site.n_examples, shared, extras, values)

    def _train_personal(
        self, rule: LocalRule, message: Broadcast, memory: Memory, batches: SiteBatches
    ) -> float:
        """Train the site's personal weights, at first the broadcast ones; return the mean loss."""
        module, local = self.runtime.module, self.runtime.local
        self._load(message.weights, memory.tensors.get(PERSONAL))
        optimizer = self._build_optimizer(message.round, memory, PERSONAL)
        total = self.site.n_examples * batches.workload.epochs
        metrics = TrainingMetrics(lambda done, loss: self._report(done, total, loss))
        for step in local.train(module, batches.train(), rule, optimizer, self.runtime.fabric):
            metrics.add(*step)
        if local.keep_optimizer:
            memory.optimizers[PERSONAL] = optimizer.state_dict()
        memory.tensors[PERSONAL] = self._copy_weights()
        return metrics.compute()["loss"]

    @torch.no_grad()
    def _survey(self, message: Broadcast, memory: Memory, batches: SiteBatches) -> Reply:
        """Answer the strategy's survey, from training inputs and the broadcast weights."""
        self._load(message.weights, memory.tensors.get(PRIVATE))
        self.runtime.module.eval()
        context = self._build_context(message, memory)
        extras = self.runtime.strategy.answer_survey(context, batches.survey())
        return Reply(self.site.name, self.site.n_examples, extras=extras)

    def _validate(self) -> Reply:
        """Score the loaded weights on the validation split; return means over volumes."""
        self._check_work("validate", CallWork(volumes=self._count_volumes("val")))
        scores = self.runtime.evaluator.validate(self.runtime.module, self.site)
        metrics = {f"{m}/{convention}": v for (m, convention), v in average_scores(scores).items()}
        return Reply(self.site.name, self.site.n_examples, metrics=metrics)

    def _test(self) -> Reply:
        """Score the loaded weights on the test split; return every volume's scores, by number."""
        self._check_work("test", CallWork(volumes=self._count_volumes("test")))
        evaluator, module, most = (
            self.runtime.evaluator, self.runtime.module, self.runtime.saved_volumes,
        )  # fmt: skip
        scores = evaluator.test(module, self.site)
        if self.volumes is not None and most != 0:
            predictions = evaluator.predict(module, self.site)
            save_volumes(predictions, self.volumes, SAVED_BY_RUNS, most)
        return Reply(self.site.name, self.site.n_examples, metrics=number_scores(*scores))

    def _check_work(self, op: Operation, work: CallWork) -> None:
        for half in self.chain:
            half.check_work(op, work)

    def _count_volumes(self, split: str) -> int:
        return len({(v.site, v.name) for v, _ in self.site.slices(split).examples})

    def _load(self, shared: Mapping[str, torch.Tensor], private: Weights | None = None) -> None:
        """Load weights; private ones win over shared ones, and the initial ones complete them."""
        module = self.runtime.module
        module.model.load_state_dict({**self.runtime.initial, **shared, **(private or {})})
        self.runtime.fabric.to_device(module)

    def _build_context(self, message: Broadcast, memory: Memory) -> SiteContext:
        return SiteContext(
            module=self.runtime.module,
            message=message,
            memory=memory,
            is_target=self.site.name == self.runtime.strategy.target,
            seed=seed_for(self.runtime.seed, self.site.name, message.round),
            learning_rate=0.0,  # surveys have none; training fills in its own
        )

    def _build_optimizer(self, round_: int, memory: Memory, kind: str = MODEL) -> Optimizer:
        module, local = self.runtime.module, self.runtime.local
        optimizer = local.optimizer(module.model.parameters())
        base = _read_base_rate(optimizer)
        if local.keep_optimizer and kind in memory.optimizers:
            optimizer.load_state_dict(memory.optimizers[kind])
        for group in optimizer.param_groups:
            group["lr"] = base * local.decay(round_)
        return optimizer

    def _split_weights(self, memory: Memory) -> Weights:
        """Keep private weights in the memory and return the shared ones."""
        weights = self._copy_weights()
        is_shared = self.runtime.strategy.is_shared
        if private := {k: v for k, v in weights.items() if not is_shared(k)}:
            memory.tensors[PRIVATE] = private
        return {k: v for k, v in weights.items() if is_shared(k)}

    def _copy_weights(self) -> Weights:
        return {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in self.runtime.module.model.state_dict().items()
        }

    def _report(self, done: int, total: int, loss: float) -> None:
        self.runtime.on_progress(Progress("train", self.site.name, done, total, loss))


def _read_base_rate(optimizer: Optimizer) -> float:
    return float(optimizer.defaults["lr"])
