"""Differential privacy of a whole site: its update is clipped, the sites' sum gets noise.

DP-FedAvg (McMahan, Ramage, Talwar and Zhang, ICLR 2018) with fixed rounds and without sampling:
who takes part is no secret here. The noise is the server's, or a share of it every site's own.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import Middleware, ServerHalf, ServerSide, SiteHalf, SiteSide
from flmrcm.learning.module import ReconModule
from flmrcm.middleware.dp_volume import EPSILON, KEPT_METRICS
from flmrcm.middleware.spent_notes import PRIVACY, SpentNotes, count_steps, merge_spending
from flmrcm.privacy.accountant import Spending, add_epsilon, find_noise
from flmrcm.privacy.draws import Draws, SecureDraws, SeededDraws
from flmrcm.privacy.suitability import find_unit_problems
from flmrcm.strategies.base import SITE, Strategy
from flmrcm.types import Broadcast, Memory, Reply, ServerState, Weights

log = logging.getLogger(__name__)

SERVER, SITES = "server", "sites"
NOISE = "privacy_noise"

SPENT = "spent"
"""A folder of the run: of each site a file of what its rounds spent, where noise never repeats."""


@dataclass(frozen=True)
class DPSite(Middleware):
    """Bounds and hides what all of a site's data change: (ε, δ)-differential privacy of the sum.

    Two federations are neighbours if one has a site more. The sum of the round's updates has noise
    of standard deviation σC, however few of the replies that count arrive.

    Args:
        clip: C > 0, the longest update of a site, over all shared weights.
        noise: σ > 0; None finds the least with which all rounds spend `target_epsilon`.
        target_epsilon: ε > 0 that the run may spend; None has no end.
        delta: δ in (0, 1).
        where: `server` adds the noise where updates arrive, so the server is trusted with them;
            `sites` add a share each, too little to hide them from it.
        secure_randomness: see `dp_volume`.

    Raises:
        ConfigErrors: a value outside its range, or neither noise nor target.
    """

    clip: float = 1.0
    noise: float | None = 1.0
    target_epsilon: float | None = None
    delta: float = 1e-5
    where: str = SERVER
    secure_randomness: bool = False

    unit: ClassVar[str] = SITE

    def __post_init__(self) -> None:
        if problems := check_choice("privacy.where", self.where, (SERVER, SITES)):
            raise ConfigErrors(problems)
        noise, target = self.noise, self.target_epsilon
        above, either = "above 0, or null; got {}.".format, noise is not None or target is not None
        require(
            {
                "privacy.clip": (self.clip > 0, f"above 0; got {self.clip}."),
                "privacy.noise": (noise is None or noise > 0, above(noise)),
                "privacy.target_epsilon": (target is None or target > 0, above(target)),
                "privacy.delta": (0 < self.delta < 1, f"between 0 and 1; got {self.delta}."),
                "privacy": (either, "give noise, or a target_epsilon for which it's found."),
            }
        )

    def find_problems(
        self, strategy: Strategy, module: ReconModule, members: Mapping[str, Middleware]
    ) -> list[str]:
        """Return a line where more than a sum of clipped updates would be known."""
        problems = find_unit_problems("dp_site", self.unit, strategy, module.model)
        if strategy.weighting != "uniform" or getattr(strategy, "aggregation", "mean") != "mean":
            problems.append(
                "privacy=dp_site: noise is for the plain mean of updates; use "
                "strategy.weighting=uniform and strategy.aggregation=mean."
            )
        if self.where == SITES and getattr(members.get("wire"), "kind", "fp32") != "fp32":
            problems.append(
                "privacy.where=sites: what is rounded on the way adds up to another sum; use "
                "middleware.wire.kind=fp32."
            )
        return problems

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that clips, and adds a share of the noise where sites do."""
        return _Clip(self, side)

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that adds the noise where the server does, and counts what is spent."""
        return _Noise(self, side)

    def choose_noise(self, rounds: int) -> float:
        """Return σ: the config's, or the least for all rounds."""
        if self.noise is not None:
            return self.noise
        return find_noise(self.target_epsilon or 1, 1, rounds, self.delta)

    def count(self, rounds: int, noise: float) -> float:
        """Return the ε of so many rounds."""
        return add_epsilon([Spending(1, noise, rounds)], self.delta)

    def open_draws(self, *address: object) -> Draws:
        """Return the draws of a share."""
        return SecureDraws() if self.secure_randomness else SeededDraws(*address)


class _Clip(SiteHalf):
    def __init__(self, rule: DPSite, side: SiteSide) -> None:
        self.rule, self.side = rule, side
        self._sent: Weights = {}

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        self._sent = message.weights
        return message

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        if op != "train":
            return reply
        rule, side = self.rule, self.side
        weights = clip_update(self._sent, reply.weights, rule.clip)
        if rule.where == SITES:
            kept = memory.tensors.setdefault(
                PRIVACY, {"noise": torch.tensor(rule.choose_noise(side.rounds)).double()}
            )
            draws = rule.open_draws(side.seed, side.site, round_)
            weights = add_noise(weights, float(kept["noise"]) * rule.clip, side.fewest, draws)
        metrics = {name: reply.metrics[name] for name in KEPT_METRICS}
        return replace(reply, weights=weights, metrics=metrics)


class _Noise(ServerHalf):
    def __init__(self, rule: DPSite, side: ServerSide) -> None:
        self.rule, self.side = rule, side
        self.rounds: dict[str, torch.Tensor] = {}
        self.noise = 0.0
        # seeded noise is the same again where a round is: then the state's count is the whole truth
        self.folder = side.folder / SPENT if side.folder and rule.secure_randomness else None

    def start_round(self, state: ServerState) -> None:
        self.rounds = dict(state.extras.get(PRIVACY, {}))
        # a run that goes on with more rounds keeps the σ it was begun with
        kept = state.extras.get(NOISE)
        self.noise = float(kept["noise"]) if kept else self._begin(state.weights)

    def before(self, op: Operation, messages: Mapping[str, Broadcast]) -> Mapping[str, Broadcast]:
        # sites don't know of a quorum, and a few shares of many are too little
        if op == "train" and self.rule.where == SITES and len(messages) > self.side.fewest:
            raise ConfigErrors(
                ["privacy.where=sites: every site's share of the noise is needed; use "
                 "robust.quorum=null, or privacy.where=server."]
            )  # fmt: skip
        return messages

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        if op != "train" or reply.error is not None:
            return reply
        rule, side, site = self.rule, self.side, reply.site
        before, now = self._read(site, self.rounds, self.noise), Spending(1, self.noise, 1)
        spent = merge_spending([*before, now])
        # before the result leaves. With where=sites too: what hides a site is the noise of the sum,
        # and there's no sum with a reply that a crash kept from coming here
        self._open_notes(site).add(message.round, spent)
        self.rounds[site] = torch.tensor(count_steps(spent))
        weights = reply.weights
        if rule.where == SERVER and _have_one_form(message.weights, weights):
            # once more: it may have been rounded on its way
            weights = clip_update(message.weights, weights, rule.clip)
            draws = rule.open_draws(side.seed, "server", site, message.round)
            weights = add_noise(weights, self.noise * rule.clip, side.fewest, draws)
        epsilon = add_epsilon(spent, rule.delta)
        told = {EPSILON: epsilon, "delta": rule.delta, "noise_multiplier": self.noise}
        return replace(reply, weights=weights, metrics={**reply.metrics, **told})

    def finish_round(self, state: ServerState) -> ServerState:
        noise = {"noise": torch.tensor(self.noise).double()}
        return replace(state, extras={**state.extras, PRIVACY: dict(self.rounds), NOISE: noise})

    def find_end(self, state: ServerState) -> str | None:
        target, counts = self.rule.target_epsilon, state.extras.get(PRIVACY, {})
        noted = [path.stem for path in self.folder.glob("*.csv")] if self.folder else []
        if target is None or not (sites := {*counts, *noted}):
            return None
        kept = state.extras.get(NOISE)
        noise = float(kept["noise"]) if kept else self.rule.choose_noise(self.side.rounds)
        most = max((self._read(site, counts, noise) for site in sites), key=count_steps)
        more, delta = Spending(1, noise, 1), self.rule.delta
        spent, after = add_epsilon(most, delta), add_epsilon([*most, more], delta)
        if after <= target * (1 + 1e-9):
            return None
        return (
            f"ε={spent:.3g} is spent, one round more would be {after:.3g} "
            f"(privacy.target_epsilon={target:g})."
        )

    def _open_notes(self, site: str) -> SpentNotes:
        return SpentNotes(self.folder and self.folder / f"{site}.csv", repeats=False)

    def _read(self, site: str, counts: Weights, noise: float) -> list[Spending]:
        """Return what a site's rounds have spent: as noted, or as the state has it, if more."""
        kept = [Spending(1, noise, int(counts.get(site, 0)))]
        return max(self._open_notes(site).read(0, Memory()), kept, key=count_steps)

    def _begin(self, weights: Weights) -> float:
        """Return σ of the run, and say how much is protected, and how little is left to learn."""
        rule, side = self.rule, self.side
        noise, n_weights = rule.choose_noise(side.rounds), sum(w.numel() for w in weights.values())
        length = noise * n_weights**0.5 / side.fewest
        log.warning(
            "privacy=dp_site: %d sites, σ=%.3g: after %d rounds ε=%.3g at δ=%.2g; in each the "
            "noise on their mean is %.3g times as long as the longest update. A small ε and a "
            "useful model take hundreds of sites; for a few, use privacy=dp_volume.",
            side.fewest, noise, side.rounds, rule.count(side.rounds, noise), rule.delta, length,
        )  # fmt: skip
        return noise


def clip_update(before: Weights, after: Weights, clip: float) -> Weights:
    """Return weights of which no update is longer than C, over all tensors together."""
    changes = {name: after[name].double() - before[name].double() for name in before}
    length = float(torch.stack([change.norm() for change in changes.values()]).norm())
    if length <= clip:
        return after
    share = clip / length
    return {k: (before[k].double() + share * c).to(after[k]) for k, c in changes.items()}


def _have_one_form(one: Weights, other: Weights) -> bool:
    """Return whether names and shapes are the same; what else comes is refused further inwards."""
    return {k: t.shape for k, t in one.items()} == {k: t.shape for k, t in other.items()}


def add_noise(weights: Weights, deviation: float, shares: int, draws: Draws) -> Weights:
    """Return weights with one of so many shares of noise, whose sum has the deviation."""
    own = deviation / shares**0.5
    return {name: tensor + own * draws.gaussian(tensor) for name, tensor in weights.items()}
