"""Secure aggregation: (n) what a round of it costs a site and the server, in time and in bytes."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import Exchange, ServerSide, SiteSide
from flmrcm.middleware.secure_aggregation import SecureAggregation
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, Reply, Weights
from measured.measurement import Figure, make_median

SITES, WEIGHTS, TENSORS, REPEATS = 4, 2_000_000, 40, 5


class Sites:
    """Sites that trained already; the last one drops out before its masked weights arrive.

    Args:
        folder: for their secrets.
        weights: of each site.
    """

    def __init__(self, folder: Path, weights: Weights) -> None:
        self.rule, self.weights = SecureAggregation(), weights
        sides = [SiteSide(f"site_{n}", FedAvg(), folder=folder / str(n)) for n in range(SITES)]
        self.halves = {side.site: self.rule.build_site_half(side) for side in sides}
        self.seconds = dict.fromkeys(self.halves, 0.0)
        self.n_bytes = dict.fromkeys(self.halves, 0)

    def carry(
        self, op: Operation, messages: Mapping[str, Broadcast], timeout: float | None
    ) -> Iterator[Exchange]:
        """Answer a call, and take each site's time."""
        for site, message in messages.items():
            start, half = time.process_time(), self.halves[site]
            half.before(op, message, Memory())
            reply = Reply(site, 1, self.weights if op == "train" else {})
            reply = half.after(op, 0, reply, Memory())
            self.seconds[site] += time.process_time() - start
            parts = (reply.weights, *reply.extras.values())
            self.n_bytes[site] += sum(t.nbytes for part in parts for t in part.values())
            if (op, site) == ("train", f"site_{SITES - 1}"):
                reply = Reply(site, error="it dropped out")
            yield Exchange(reply, refused=False, sent=message, received=reply)


def measure_masks(folder: Path, quick: bool) -> list[Figure]:
    """Return the seconds and the bytes of secure aggregation: 4 sites, one drops out."""
    n = WEIGHTS // 100 if quick else WEIGHTS
    weights = {f"w{i}": torch.randn(n // TENSORS) for i in range(TENSORS)}
    turns = [measure_round(Sites(folder / str(i), weights)) for i in range(1 + REPEATS)][1:]
    at_sites, at_server, n_bytes = zip(*turns, strict=True)
    note = f"{SITES} sites, {n:,} weights, one site drops out, processor time"
    return [
        make_median("a site's part of a masked round", at_sites, note, target="≤ 1.5"),
        make_median("the server's part", at_server, note),
        Figure(
            "bytes a site sends per weight, keys and shares too",
            max(n_bytes) / n,
            "B",
            "≤ 8",
            raw={"bytes": n_bytes},
        ),
    ]


def measure_round(sites: Sites) -> tuple[float, float, int]:
    """Return the seconds of the slowest site and of the server, and the bytes that a site sent."""
    half, start = sites.rule.build_server_half(ServerSide(FedAvg())), time.process_time()
    messages = dict.fromkeys(sites.halves, Broadcast(0, sites.weights))
    replies = [e.reply for e in half.carry(sites.carry, "train", messages, None)]
    whole = time.process_time() - start
    (mean,) = {id(r.weights): r.weights for r in replies if r.error is None}.values()
    for name, tensor in sites.weights.items():  # before a time counts
        torch.testing.assert_close(mean[name], tensor, rtol=2e-7, atol=1e-9)
    own = sites.seconds.values()
    return max(own), whole - sum(own), max(sites.n_bytes.values())
