"""One site of the federation: it answers surveys, trains and tests; its images stay there."""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path

import torch
from torch.optim import Optimizer

from flmrcm.data.prefetch import read_ahead
from flmrcm.data.site import Site
from flmrcm.errors import SiteRefuses
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.client_runtime import ClientRuntime, read_base_rate
from flmrcm.federation.engine import ABOUT_MASKS, Operation, Progress
from flmrcm.federation.local_training import TrainedStep, TrainingMetrics
from flmrcm.federation.middleware import ASKS_AGAIN, AskAgain, SiteHalf
from flmrcm.federation.training_round import TrainingRound
from flmrcm.federation.volume_scores import number_scores
from flmrcm.federation.workload import CallWork, Workload
from flmrcm.learning.losses import Loss
from flmrcm.learning.metrics import average_scores
from flmrcm.learning.records import SAVED_BY_RUNS, save_volumes
from flmrcm.seeding import seed_for, seeded
from flmrcm.strategies.base import PERSONAL, PRIVATE, LocalRule
from flmrcm.types import Batch, Broadcast, Memory, Reply, SiteContext, Weights

MODEL = "model"
PERSONAL_STEPS, PERSONAL_VOLUMES = "personal_steps", "personal_volumes"
"""Of a round: optimizer steps on personal weights, and the training volumes they went through."""


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
        passed: list[SiteHalf] = []
        try:
            # the policy is the first of these: what it refuses, nothing is computed for
            for half in self.chain:
                message = half.before(op, message, memory)
                passed.append(half)
            reply = self._answer(op, message, memory, workload)
        except AskAgain:
            reply = Reply(self.site.name, metrics={ASKS_AGAIN: 1.0})
        for half in reversed(passed):
            reply = half.after(op, message.round, reply, memory)
        return reply

    def _answer(
        self, op: Operation, message: Broadcast, memory: Memory, workload: Workload | None
    ) -> Reply:
        runtime, round_ = self.runtime, message.round
        runtime.on_progress(Progress(op, self.site.name, 0, 0, float("nan")))
        device, accumulate = runtime.fabric.device, runtime.local.accumulate
        workload = workload or Workload(runtime.local.epochs)
        with read_ahead(device) as ahead, seeded(runtime.seed, self.site.name, round_, op):
            batches = SiteBatches(self.site, device, workload, round_, accumulate, ahead)
            if op in ABOUT_MASKS:
                return Reply(self.site.name, self.site.n_examples)
            work = {"survey": self._survey, "train": self._train, "finetune": self._fine_tune}
            if op in work:
                return work[op](message, memory, batches)
            return self._score(op, message, memory)

    def _train(self, message: Broadcast, memory: Memory, batches: SiteBatches) -> Reply:
        """Train from the broadcast weights for a round."""
        module, local, strategy = self.runtime.module, self.runtime.local, self.runtime.strategy
        self.runtime.load(message.weights, memory.tensors.get(PRIVATE))
        module.loss = self.loss  # sites share the module
        kept = memory.optimizers.get(MODEL)
        optimizer = self.runtime.build_optimizer(self.runtime.find_rate_factor(message.round), kept)
        rate = max(float(group["lr"]) for group in optimizer.param_groups)
        plan = TrainingRound(batches, batches.count_work(rate), local, self.runtime.fabric)
        plan = reduce(lambda plan, half: half.plan_training(plan, memory), self.chain, plan)
        self._check_work("train", plan.work)
        target = None
        if self.target is not None and self.target.name != self.site.name:
            target = batches.accompany(self.target, strategy.target_sampling)
        context = self._build_context(message, memory, read_base_rate(optimizer), target)
        rule = strategy.local_rule(context)
        metrics = self._take_steps(plan.train(module, rule, optimizer), batches)
        extras = rule.finish(module)
        if local.keep_optimizer:
            memory.optimizers[MODEL] = optimizer.state_dict()
        shared = self._split_weights(memory)
        seen = {"bytes_seen/target_images": float(target.n_bytes)} if target else {}
        values = {**metrics.compute(), **rule.metrics(), **seen}
        if personal := strategy.personal_rule(context):
            values |= self._train_personal(personal, message, memory, batches)
        return Reply(self.site.name, self.site.n_examples, shared, extras, values)

    def _train_personal(
        self, rule: LocalRule, message: Broadcast, memory: Memory, batches: SiteBatches
    ) -> dict[str, float]:
        """Go on with the site's personal weights, at first the broadcast ones."""
        runtime, kept = self.runtime, memory.optimizers
        runtime.load(message.weights, memory.tensors.get(PERSONAL))
        factor = runtime.find_rate_factor(message.round)
        optimizer = runtime.build_optimizer(factor, kept.get(PERSONAL))
        values = self._train_alone(rule, optimizer, memory, batches)
        if runtime.local.keep_optimizer:
            kept[PERSONAL] = optimizer.state_dict()
        return values

    def _fine_tune(self, message: Broadcast, memory: Memory, batches: SiteBatches) -> Reply:
        """Train the site's personal weights once, from the broadcast ones; no weight is replied."""
        if (tuning := self.runtime.strategy.fine_tuning) is None:
            raise SiteRefuses("this run's strategy fine-tunes nothing.", "operation")
        self.runtime.load(message.weights, memory.tensors.get(PRIVATE))
        self.runtime.module.loss = self.loss
        optimizer = self.runtime.build_optimizer(tuning.rate)
        work = Workload.of_steps(tuning.steps, self.site.n_batches, batches.accumulate)
        batches = batches.take(work)
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        self._check_work("finetune", batches.count_work(max(rates)))
        values = self._train_alone(LocalRule(), optimizer, memory, batches)
        return Reply(self.site.name, self.site.n_examples, metrics=values)

    def _train_alone(
        self, rule: LocalRule, optimizer: Optimizer, memory: Memory, batches: SiteBatches
    ) -> dict[str, float]:
        """Train the loaded weights and keep them as the site's personal ones; return the cost."""
        module, local, fabric = self.runtime.module, self.runtime.local, self.runtime.fabric
        steps = local.train(module, batches.train(), rule, optimizer, fabric)
        metrics = self._take_steps(steps, batches)
        memory.tensors[PERSONAL] = self.runtime.copy_weights()
        return {
            "personal_loss": metrics.compute()["loss"],
            PERSONAL_STEPS: float(metrics.n_steps),
            PERSONAL_VOLUMES: float(len(metrics.volumes)),
        }

    def _take_steps(self, steps: Iterable[TrainedStep], batches: SiteBatches) -> TrainingMetrics:
        """Train, step by step; return what was measured."""
        total = self.site.n_examples * batches.workload.epochs
        names = self.runtime.module.loss.term_names
        metrics = TrainingMetrics(lambda done, loss: self._report(done, total, loss), names)
        for step in steps:
            metrics.add(*step)
        return metrics

    @torch.no_grad()
    def _survey(self, message: Broadcast, memory: Memory, batches: SiteBatches) -> Reply:
        """Answer the strategy's survey, from training inputs and the broadcast weights."""
        self.runtime.load(message.weights, memory.tensors.get(PRIVATE))
        self.runtime.module.eval()
        context = self._build_context(message, memory)
        extras = self.runtime.strategy.answer_survey(context, batches.survey())
        return Reply(self.site.name, self.site.n_examples, extras=extras)

    def _score(self, op: Operation, message: Broadcast, memory: Memory) -> Reply:
        """Validate or test the weights that the site uses: its own, where it has any."""
        used = self.runtime.strategy.personal_weights(memory, message.weights)
        self.runtime.load(used)
        if op == "validate":
            return self._validate()
        own = any(tensor is not message.weights.get(name) for name, tensor in used.items())
        return self._test(own)

    def _validate(self) -> Reply:
        """Score the loaded weights on the validation split; return means over volumes."""
        self._check_work("validate", CallWork(volumes=self._count_volumes("val")))
        scores = self.runtime.evaluator.validate(self.runtime.module, self.site)
        metrics = {f"{m}/{convention}": v for (m, convention), v in average_scores(scores).items()}
        return Reply(self.site.name, self.site.n_examples, metrics=metrics)

    def _test(self, own: bool) -> Reply:
        """Score the loaded weights on the test split; return every volume's scores, by number."""
        self._check_work("test", CallWork(volumes=self._count_volumes("test")))
        evaluator, module = self.runtime.evaluator, self.runtime.module
        scores = evaluator.test(module, self.site)
        if self.volumes is not None and (most := self.runtime.saved_volumes) != 0:
            predictions = evaluator.predict(module, self.site)
            save_volumes(predictions, self.volumes, SAVED_BY_RUNS, most)
        return Reply(self.site.name, self.site.n_examples, metrics=number_scores(*scores, own))

    def _check_work(self, op: Operation, work: CallWork) -> None:
        for half in self.chain:
            half.check_work(op, work)

    def _count_volumes(self, split: str) -> int:
        return len({(v.site, v.name) for v, _ in self.site.slices(split).examples})

    def _build_context(
        self,
        message: Broadcast,
        memory: Memory,
        rate: float = 0.0,  # surveys have none
        target: Iterator[Batch] | None = None,
    ) -> SiteContext:
        return SiteContext(
            module=self.runtime.module,
            message=message,
            memory=memory,
            is_target=self.site.name == self.runtime.strategy.target,
            seed=seed_for(self.runtime.seed, self.site.name, message.round),
            learning_rate=rate,
            target=target,
        )

    def _split_weights(self, memory: Memory) -> Weights:
        """Keep private weights in the memory and return the shared ones."""
        weights = self.runtime.copy_weights()
        is_shared = self.runtime.strategy.is_shared
        if private := {k: v for k, v in weights.items() if not is_shared(k)}:
            memory.tensors[PRIVATE] = private
        return {k: v for k, v in weights.items() if is_shared(k)}

    def _report(self, done: int, total: int, loss: float) -> None:
        self.runtime.on_progress(Progress("train", self.site.name, done, total, loss))
