"""Clipping: no site's update is longer than a bound; sites and server count how often it bites."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from flmrcm import Middleware
from flmrcm.errors import require
from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import ServerHalf, ServerSide, SiteHalf, SiteSide
from flmrcm.types import Broadcast, Memory, Reply, ServerState, Weights

CLIPPED = "clipped"


@dataclass(frozen=True)
class Clip(Middleware):
    """Shortens what training changed to a Euclidean length, over all shared weights.

    Args:
        longest: > 0.

    Raises:
        ConfigErrors: a length outside its range.
    """

    longest: float = 1.0

    def __post_init__(self) -> None:
        require({"middleware.clip.longest": (self.longest > 0, f"above 0; got {self.longest}.")})

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that shortens a site's updates."""
        return _Shorten(self.longest)

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that counts shortened updates."""
        return _Count()


class _Shorten(SiteHalf):
    def __init__(self, longest: float) -> None:
        self.longest = longest
        self.sent: Weights = {}

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        self.sent = message.weights
        return message

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        if op != "train":
            return reply
        update = {name: reply.weights[name] - sent for name, sent in self.sent.items()}
        length = float(torch.stack([u.double().norm() for u in update.values()]).norm())
        clipped = length > self.longest
        times = memory.tensors.get(CLIPPED, {}).get("times", torch.tensor(0))
        memory.tensors[CLIPPED] = {"times": times + clipped}  # stays at the site
        metrics = {**reply.metrics, CLIPPED: float(clipped)}  # goes to the server's journal
        if not clipped:
            return replace(reply, metrics=metrics)
        share = self.longest / length
        weights = {name: sent + share * update[name] for name, sent in self.sent.items()}
        return replace(reply, weights=weights, metrics=metrics)


class _Count(ServerHalf):
    def __init__(self) -> None:
        self.times: Mapping[str, torch.Tensor] = {}

    def start_round(self, state: ServerState) -> None:
        self.times = dict(state.extras.get(CLIPPED, {}))

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        if op == "train" and reply.error is None:
            before = self.times.get(reply.site, torch.tensor(0))
            self.times = {**self.times, reply.site: before + int(reply.metrics[CLIPPED])}
        return reply

    def finish_round(self, state: ServerState) -> ServerState:
        return replace(state, extras={**state.extras, CLIPPED: dict(self.times)})
