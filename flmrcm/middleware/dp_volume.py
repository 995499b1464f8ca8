"""Differential privacy of a training volume: DP-SGD at the sites, what it spends at both ends.

Abadi et al., CCS 2016, with the volume, and not the slice, as unit: in each step every volume is
drawn on its own with probability q and gives one slice, so clipping a slice's gradient bounds the
volume. What leaves a site is computed from sums of clipped gradients with noise, and from nothing
else of its training data; the optimizer and the strategy come after the noise.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from flmrcm.errors import SiteRefuses, require
from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import (
    Middleware,
    ServerHalf,
    ServerSide,
    SiteHalf,
    SiteSide,
)
from flmrcm.federation.private_round import Mechanism, PrivateRound, group_slices
from flmrcm.federation.training_round import TrainingRound
from flmrcm.learning.module import ReconModule
from flmrcm.middleware.spent_notes import PRIVACY, SpentNotes, write_spending
from flmrcm.privacy.accountant import Spending, add_epsilon, find_noise
from flmrcm.privacy.suitability import find_unit_problems
from flmrcm.strategies.base import VOLUME, Strategy
from flmrcm.types import Broadcast, Memory, Reply, ServerState

log = logging.getLogger(__name__)

EPSILON, EPSILON_NEXT = "epsilon", "epsilon_next"
KEPT_METRICS = ("steps", "seconds")
"""All that a reply says of its training beside ε: a loss tells of the data, and has no noise."""

SPENT = "spent.csv"
"""A site's notes of what a run has spent, beside its ledger."""

_ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class DPVolume(Middleware):
    """Bounds and hides what a single training volume changes: (ε, δ)-differential privacy.

    Two data sets are neighbours if one has a volume more. How many volumes and slices a site has is
    no secret, nor are the scores of its validation and test volumes.

    Args:
        clip: C > 0, the longest gradient of a slice, over all parameters that train.
        noise: σ > 0, the noise's standard deviation in units of C; None finds the least with which
            all rounds spend `target_epsilon`.
        target_epsilon: ε > 0 that a site may spend in the run; None has no end.
        delta: δ in (0, 1); None is 1/(10 N) for N training volumes.
        volumes_per_step: expected number of volumes in a step, q·N; None is `local.batch_size`.
        chunk: slices whose gradients are in memory at once; 1 computes one after another.
        secure_randomness: noise and draws of the operating system, which nobody can compute again;
            otherwise whoever knows the run's seed can take the noise away.

    Raises:
        ConfigErrors: a value outside its range, or neither noise nor target.
    """

    clip: float = 1.0
    noise: float | None = None
    target_epsilon: float | None = 8.0
    delta: float | None = None
    volumes_per_step: int | None = None
    chunk: int = 8
    secure_randomness: bool = False

    unit: ClassVar[str] = VOLUME

    def __post_init__(self) -> None:
        noise, target, delta, volumes = (
            self.noise, self.target_epsilon, self.delta, self.volumes_per_step,
        )  # fmt: skip
        above = "above 0, or null; got {}.".format
        rules = {
            "clip": (self.clip > 0, f"above 0; got {self.clip}."),
            "noise": (noise is None or noise > 0, above(noise)),
            "target_epsilon": (target is None or target > 0, above(target)),
            "delta": (delta is None or 0 < delta < 1, f"between 0 and 1, or null; got {delta}."),
            "volumes_per_step": (volumes is None or volumes >= 1, f"at least 1; got {volumes}."),
            "chunk": (self.chunk >= 1, f"at least 1; got {self.chunk}."),
        }
        if noise is None and target is None:
            rules["noise"] = False, "null finds it for a privacy.target_epsilon; give either."
        require({f"privacy.{key}": rule for key, rule in rules.items()})

    def find_problems(
        self, strategy: Strategy, module: ReconModule, members: Mapping[str, Middleware]
    ) -> list[str]:
        """Return a line for a strategy or a model whose sites learn past the clipped gradients."""
        return find_unit_problems("dp_volume", self.unit, strategy, module.model)

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that trains, and counts what that spends."""
        return _PrivateSite(self, side, self.target_epsilon)

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that ends the run before a site spends too much."""
        return _Budgets(self.target_epsilon)

    def choose_noise(self, rate: float, steps: int, delta: float) -> float:
        """Return σ: the config's, or the least for all steps of the run."""
        if self.noise is not None:
            return self.noise
        return find_noise(self.target_epsilon or math.inf, rate, steps, delta)


@dataclass(frozen=True)
class Uncharged(Middleware):
    """The same for messages that are made again and stay here: no site refuses to spend.

    Args:
        rule: of the run; where σ is found, it's found for its target.
    """

    rule: DPVolume

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that trains, however much is spent."""
        return _PrivateSite(self.rule, side, None)

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the run's own."""
        return self.rule.build_server_half(side)


class _PrivateSite(SiteHalf):
    def __init__(self, rule: DPVolume, side: SiteSide, target: float | None) -> None:
        self.rule, self.side, self.target = rule, side, target
        path = side.folder / SPENT if side.folder else None
        self.notes = SpentNotes(path, repeats=not rule.secure_randomness)
        self._spent: list[Spending] = []
        self._told: Mapping[str, float] = {}

    def plan_training(self, plan: TrainingRound, memory: Memory) -> TrainingRound:
        rule, site = self.rule, plan.batches.site
        n_volumes = len(group_slices(site))
        expected = min(rule.volumes_per_step or site.loading.batch_size, n_volumes)
        rate, delta, steps = expected / n_volumes, rule.delta or 0.1 / n_volumes, plan.work.steps
        before = self.notes.read(plan.batches.round, memory)
        # a run that goes on with more rounds keeps the σ it was begun with
        noise = before[-1].noise if before else self._begin(rate, steps, delta, n_volumes)
        now = Spending(rate, noise, steps)
        self._count(before, now, delta, plan.batches.round)
        memory.tensors[PRIVACY] = write_spending(self._spent)
        work = plan.work._replace(
            slices=min(site.n_examples, steps * expected),
            volumes=n_volumes, spending=now, delta=delta, secure=rule.secure_randomness,
        )  # fmt: skip
        mechanism = Mechanism(rule.clip, now, expected, rule.chunk, rule.secure_randomness)
        address = self.side.seed, self.side.site
        return PrivateRound(plan.batches, work, plan.local, plan.fabric, mechanism, address)

    def _count(self, before: list[Spending], now: Spending, delta: float, round_: int) -> None:
        """Count a round; `SiteRefuses` where it would spend more than the target."""
        target, epsilon = self.target, add_epsilon([*before, now], delta)
        if target is not None and epsilon > target * _ROUNDING:
            raise SiteRefuses(
                f"privacy.target_epsilon={target:g}: this round would spend ε {epsilon:.3g}; end "
                f"the run before it: resume=… rounds={round_}.",
                "privacy",
            )
        self._spent = [*before, now]
        self._told = {
            EPSILON: epsilon,
            EPSILON_NEXT: add_epsilon([*before, now, now], delta),
            "delta": delta,
            "noise_multiplier": now.noise,
        }

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        if op != "train":
            return reply
        self.notes.add(round_, self._spent)
        kept = {name: reply.metrics[name] for name in KEPT_METRICS}
        return replace(reply, metrics={**kept, **self._told})

    def _begin(self, rate: float, steps: int, delta: float, n_volumes: int) -> float:
        """Return σ of the run, and say what it will be worth."""
        steps *= self.side.rounds
        noise = self.rule.choose_noise(rate, steps, delta)
        epsilon = add_epsilon([Spending(rate, noise, steps)], delta)
        log.info(
            "%s: %d volumes, each in a step with probability %.3g; noise σ=%.3g; after %d rounds "
            "ε=%.3g at δ=%.2g%s", self.side.site, n_volumes, rate, noise, self.side.rounds, epsilon,
            delta, "" if self.rule.secure_randomness else " (seeded noise: for experiments only)",
        )  # fmt: skip
        return noise


class _Budgets(ServerHalf):
    """Keeps what each site would have spent after one round more."""

    def __init__(self, target: float | None) -> None:
        self.target = target
        self.kept: dict[str, Tensor] = {}

    def start_round(self, state: ServerState) -> None:
        self.kept = dict(state.extras.get(PRIVACY, {}))

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        if op == "train" and reply.error is None:
            spent = [reply.metrics.get(name, math.nan) for name in (EPSILON, EPSILON_NEXT)]
            self.kept[reply.site] = torch.tensor(spent, dtype=torch.float64)
        return reply

    def finish_round(self, state: ServerState) -> ServerState:
        return replace(state, extras={**state.extras, PRIVACY: dict(self.kept)})

    def find_end(self, state: ServerState) -> str | None:
        for site, pair in sorted(state.extras.get(PRIVACY, {}).items()):
            spent, after = pair.tolist()
            if self.target is not None and after > self.target * _ROUNDING:
                return (
                    f"site {site} has spent ε={spent:.3g}, one round more would be {after:.3g} "
                    f"(privacy.target_epsilon={self.target:g})."
                )
        return None
