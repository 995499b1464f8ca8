"""Every compression, and a server and two sites that talk through one."""

import copy
from dataclasses import dataclass, field, replace

import pytest
import torch

from flmrcm.federation.middleware import ServerSide, SiteSide
from flmrcm.middleware.compression.bfloat16 import BFloat16
from flmrcm.middleware.compression.powersgd import PowerSGD
from flmrcm.middleware.compression.quantised import Quantised
from flmrcm.middleware.compression.top_k import TopK
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, Reply, ServerState

SCHEMES = {
    "bf16": BFloat16(), "int8": Quantised(), "int4": Quantised(4),
    "int8, drawn": Quantised(rounding="stochastic"), "top_k": TopK(), "powersgd": PowerSGD(1),
}  # fmt: skip
EACH = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
RESIDUAL = "compression_residual/weights"


def draw(seed, size=0.1):
    draws = torch.Generator().manual_seed(seed)
    shapes = {"conv": (6, 5, 3, 3), "bias": (6,)}
    weights = {name: torch.randn(shape, generator=draws) * size for name, shape in shapes.items()}
    return weights | {"count": torch.tensor(seed)}


def add(one, other):
    return {k: x + other[k] if x.is_floating_point() else other[k] for k, x in one.items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@dataclass
class Talk:
    """A server and two sites; what a site has seen and what it replied is kept."""

    scheme: object
    state: ServerState = field(default_factory=lambda: ServerState(draw(0, 1.0)))
    memories: dict = field(default_factory=lambda: {"east": Memory(), "west": Memory()})
    n_bytes: int = 0

    def __post_init__(self):
        self.server = self.scheme.build_server_half(ServerSide(FedAvg(), seed=5))
        self.sites = {
            name: self.scheme.build_site_half(SiteSide(name, FedAvg(), seed=5))
            for name in self.memories
        }

    def call(self, op, round_, sites=("east", "west"), change=None, weights=None, **extras):
        """Return what sites read, what the server reads of their replies, and what travelled."""
        message = Broadcast(round_, weights or self.state.weights, extras.get("down", {}))
        sent = self.server.before(op, dict.fromkeys(sites, message))
        read, back = {}, {}
        for n, site in enumerate(sites):
            memory = self.memories[site] if op == "train" else copy.deepcopy(self.memories[site])
            here = self.sites[site].before(op, copy.deepcopy(sent[site]), memory)
            move = change or draw(100 * round_ + n, 0.01)
            weights_ = add(here.weights, move) if op == "train" else {}
            reply = Reply(site, 4, weights_, extras.get("up", {}))
            reply = self.sites[site].after(op, round_, reply, memory)
            read[site], back[site] = here, self.server.after(op, sent[site], reply)
        return read, back, sent

    def round(self, round_, sites=("east", "west"), **more):
        self.server.start_round(self.state)
        talked = self.call("train", round_, sites, **more)
        replies = [talked[1][site].weights for site in sites]
        mean = {k: sum(r[k] for r in replies) / len(replies) if k != "count" else x
                for k, x in replies[0].items()}  # fmt: skip
        self.state = self.server.finish_round(replace(self.state, weights=mean))
        return talked
