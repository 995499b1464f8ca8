"""A message by kind: what all sites get alike, whole or as differences."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from flmrcm.middleware.compression.rows import round_rows
from flmrcm.middleware.policy import LATENTS
from flmrcm.types import Broadcast, Weights

WEIGHTS = "weights"
REFERENCES = "references"
"""Of a message: for each kind that is sent as differences, the digest of what they start from."""


@dataclass(frozen=True)
class SentKind:
    """A kind as sites get it: whole (`arrived`) or, where they hold the reference, as `packed`."""

    original: Weights
    reference: Weights | None
    arrived: Weights
    packed: Weights | None = None
    digest: torch.Tensor = field(default_factory=lambda: torch.empty(0))


def share_kinds(messages: Mapping[str, Broadcast]) -> dict[str, Weights]:
    """Return the kinds that have a history: those of which all sites get the same tensors."""
    every = [{WEIGHTS: message.weights, **message.extras} for message in messages.values()]
    kinds = {kind: tensors for here in every for kind, tensors in here.items() if kind != LATENTS}
    return {
        kind: tensors
        for kind, tensors in kinds.items()
        if all(_are_same(here.get(kind, tensors), tensors) for here in every)
    }


def _are_same(one: Weights, other: Weights) -> bool:
    return one is other or (
        one.keys() == other.keys() and all(torch.equal(x, other[k]) for k, x in one.items())
    )


def address(message: Broadcast, sent: Mapping[str, SentKind], holds: bool) -> Broadcast:
    """Return a site's message: differences where it holds what they start from, and digests."""
    kinds = {WEIGHTS: message.weights, **message.extras}
    packed: dict[str, Weights] = {
        kind: made for kind in kinds if holds and kind in sent and (made := sent[kind].packed)
    }
    kinds = {k: sent[k].arrived if k in sent else round_rows(x) if k == LATENTS else x
             for k, x in kinds.items()} | packed  # fmt: skip
    if packed:
        kinds[REFERENCES] = {kind: sent[kind].digest for kind in packed}
    return replace(message, weights=kinds.pop(WEIGHTS), extras=kinds)
