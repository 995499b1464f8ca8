"""Sites that send weights of their own through secure aggregation, and drop out on purpose."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import Exchange, ServerSide, SiteHalf, SiteSide
from flmrcm.middleware.secure_aggregation import SecureAggregation
from flmrcm.privacy.mask_messages import MASK_SHARES
from flmrcm.strategies.aggregation import average_replies
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, Reply, Weights

KEYS, SHARES, TRAIN, UNMASK = STEPS = ("keys", "shares", "train", "unmask")
"""The four calls of a round."""

NAMES = ("east", "home", "north", "south", "west")


def draw_weights(seed: int) -> Weights:
    """Return a few weights, a count among them."""
    rng = torch.Generator().manual_seed(seed)
    return {
        "conv": torch.randn(3, 4, 5, generator=rng),
        "bias": 100 * torch.randn(7, generator=rng),
        "batches": torch.tensor(10 + seed),
    }


@dataclass
class MaskedSites:
    """A round in which nobody trains: each site's weights are what it was given.

    Attributes:
        names: of the sites.
        rule: the middleware.
        strategy: weighs replies.
        gone: sites, and the step from which on they don't answer.
        folder: for their secrets; each call then meets a half that has seen no call before.
        seen: every reply as it travelled, by site and step.
    """

    names: Collection[str] = NAMES
    rule: SecureAggregation = field(default_factory=SecureAggregation)
    strategy: Strategy = field(default_factory=FedAvg)
    gone: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    seen: dict[tuple[str, str], Reply] = field(default_factory=dict)
    told: dict[tuple[str, str], Broadcast] = field(default_factory=dict)
    weights: dict[str, Weights] = field(default_factory=dict)
    halves: dict[str, SiteHalf] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, name in enumerate(self.names):
            self.weights.setdefault(name, draw_weights(number))

    def run(self, round_: int = 0) -> dict[str, Reply]:
        """Return each site's reply as the strategy would read it."""
        like = next(iter(self.weights.values()))
        sent = Broadcast(round_, {name: torch.zeros_like(t) for name, t in like.items()})
        half = self.rule.build_server_half(ServerSide(self.strategy))
        exchanges = half.carry(self.carry, "train", dict.fromkeys(self.names, sent), None)
        return {exchange.reply.site: exchange.reply for exchange in exchanges}

    def carry(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None
    ) -> Iterator[Exchange]:
        for site, message in sorted(messages.items()):
            step = self.find_step(op, message)
            self.told[site, step] = message
            if site in self.gone and STEPS.index(self.gone[site]) <= STEPS.index(step):
                reply = Reply(site, error=f"site {site} is away")
            else:
                reply = self.seen[site, step] = self.change(step, self.call(site, op, message))
            yield Exchange(reply, refused=False, sent=message, received=reply)

    def call(self, site: str, op: Operation, message: Broadcast) -> Reply:
        """Return a site's reply to a message."""
        half = self.find_half(site)
        half.before(op, message, Memory())
        reply = Reply(site, self.count(site), self.weights[site] if op == "train" else {})
        return half.after(op, message.round, reply, Memory())

    def change(self, step: str, reply: Reply) -> Reply:
        """Return a reply as it arrives; a test may change it."""
        return reply

    def find_half(self, site: str) -> SiteHalf:
        if self.folder is None and site in self.halves:
            return self.halves[site]
        own = self.folder and self.folder / site
        self.halves[site] = self.rule.build_site_half(SiteSide(site, self.strategy, folder=own))
        return self.halves[site]

    def count(self, site: str) -> int:
        """Return a site's training slices."""
        return 10 + 7 * list(self.names).index(site)

    def average(self, sites: Collection[str]) -> Weights:
        """Return what plain aggregation makes of some sites' weights."""
        replies = [Reply(site, self.count(site), self.weights[site]) for site in sorted(sites)]
        return average_replies(replies, self.strategy.weighting)

    def find_step(self, op: Operation, message: Broadcast) -> str:
        return {"train": TRAIN, "unmask": UNMASK}.get(op) or (SHARES if message.extras else KEYS)


@dataclass
class Altered(MaskedSites):
    """Sites of which one sends something else at a step."""

    at: str = ""
    site: str = "south"
    alter: Callable[[Reply], Reply] = field(kw_only=True)

    def change(self, step: str, reply: Reply) -> Reply:
        return self.alter(reply) if (step, reply.site) == (self.at, self.site) else reply


def flip(reply: Reply, name: str) -> Reply:
    """Return a reply in which one bit of a share is another."""
    share = reply.extras[MASK_SHARES][name].clone()
    share[5] ^= 1
    shares = {**reply.extras[MASK_SHARES], name: share}
    return replace(reply, extras={**reply.extras, MASK_SHARES: shares})


def close(one: Weights, other: Weights, **tolerance: Any) -> bool:
    """Return whether weights agree to a fixed-point step, or to the last bit of float32."""
    tolerance = {"rtol": 2e-7, "atol": 1e-10} | tolerance
    return one.keys() == other.keys() and all(
        torch.allclose(one[k].double(), other[k].double(), **tolerance) for k in one
    )
