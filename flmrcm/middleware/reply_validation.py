"""Which replies count: those of the right form, finite, and within the run's limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import median_high
from typing import ClassVar

import torch
from torch import Tensor

from flmrcm.errors import require
from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import Middleware, ServerHalf, ServerSide, Stage
from flmrcm.federation.volume_scores import find_score_problem
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Reply, Weights

_MIB = 2**20


@dataclass(frozen=True)
class ReplyValidation(Middleware):
    """Refuses replies that must not count; each refusal says why in a few words.

    Args:
        norm_factor: how many times the others' median norm a site's update may have; None compares
            nothing, and then one reply at a time is in memory.
        largest_reply: MiB of tensors in a reply; None allows any.

    Raises:
        ConfigErrors: a value outside its range.
    """

    stage: ClassVar[Stage] = Stage.VALIDATION

    norm_factor: float | None = None
    largest_reply: float | None = None

    def __post_init__(self) -> None:
        factor, largest = self.norm_factor, self.largest_reply
        require(
            {
                "middleware.reply_validation.norm_factor": (
                    factor is None or factor >= 1,
                    f"at least 1, or null; got {factor}.",
                ),
                "middleware.reply_validation.largest_reply": (
                    largest is None or largest > 0,
                    f"above 0, or null; got {largest}.",
                ),
            }
        )

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that checks replies."""
        return _Validation(self, side.strategy)


class _Validation(ServerHalf):
    def __init__(self, limits: ReplyValidation, strategy: Strategy) -> None:
        self.limits, self.strategy = limits, strategy
        self.needs_all_replies = limits.norm_factor is not None

    def after(self, op: Operation, message: Broadcast, reply: Reply) -> Reply:
        if reply.error is not None:
            return reply
        why = validate_reply(op, message, reply, self.limits.largest_reply)
        # the strategy checks extras only of replies whose weights are right
        why = why or self.strategy.validate_reply(op, message, reply)
        return reply if why is None else _refuse(reply, message.round, why)

    def on_round(
        self, messages: Mapping[str, Broadcast], replies: Sequence[Reply]
    ) -> Sequence[Reply]:
        if self.limits.norm_factor is None:
            return replies
        odd = find_outliers(messages, replies, self.limits.norm_factor)
        return [
            _refuse(r, messages[r.site].round, odd[r.site]) if r.site in odd else r for r in replies
        ]


def _refuse(reply: Reply, round_: int, why: str) -> Reply:
    error = f"site {reply.site}, round {round_}: its reply was refused: {why}."
    return replace(reply, error=error)


def validate_reply(
    op: Operation, sent: Broadcast, reply: Reply, largest: float | None = None
) -> str | None:
    """Return why a reply must not count, in a few words; None where it may.

    Args:
        op: the operation; training has to return the weights, named, shaped and typed as sent.
        sent: the message to which it replies.
        reply: without an error.
        largest: MiB of tensors that it may hold; None allows any.
    """
    held = sum(tensor.nbytes for _, tensor in _list_tensors(reply)) / _MIB
    if largest is not None and held > largest:
        return f"it holds {held:.1f} MiB, {largest:g} are allowed"
    if op == "train" and reply.n_examples < 1:
        return f"it counts {reply.n_examples} training slices"
    if op == "train" and (difference := _find_difference(sent.weights, reply.weights)):
        return difference
    if op == "finetune" and (reply.weights or reply.extras):
        return "it holds tensors, and fine-tuned weights stay at their site"
    if op == "test" and (odd := find_score_problem(reply.metrics)):
        return odd
    # last, since it reads every value
    for name, tensor in _list_tensors(reply):
        if not torch.isfinite(tensor).all():
            return f"{name} isn't finite"
    return None


def find_outliers(
    messages: Mapping[str, Broadcast], replies: Sequence[Reply], factor: float
) -> dict[str, str]:
    """Return, for each site whose update is too long, a few words that say so.

    Args:
        messages: by site.
        replies: good ones; their weights are named and shaped as those sent.
        factor: how many times the others' median Euclidean norm an update may have.
    """
    lengths = {
        reply.site: _measure_update(messages[reply.site].weights, reply.weights)
        for reply in replies
    }
    found: dict[str, str] = {}
    for site, length in lengths.items():
        others = [other for name, other in lengths.items() if name != site]
        # the upper median of an even number: so never more than half of the sites are refused
        if others and length > factor * (median := median_high(others)):
            found[site] = f"its update is {length:.3g} long, {median:.3g} is the others' median"
    return found


def _find_difference(sent: Weights, returned: Weights) -> str | None:
    if odd := sorted(sent.keys() ^ returned.keys()):
        return (
            f"its weights aren't those sent: {odd[0]} is {'missing' if odd[0] in sent else 'new'}"
        )
    for name, tensor in returned.items():
        original = sent[name]
        if (tensor.shape, tensor.dtype) != (original.shape, original.dtype):
            return f"{name} is {_describe(tensor)}, {_describe(original)} was sent"
    return None


def _describe(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _measure_update(before: Weights, after: Weights) -> float:
    """Return the Euclidean norm of an update, summed in float64; counts of batches don't count."""
    names = [name for name, tensor in before.items() if tensor.is_floating_point()]
    return sqrt(sum(float((after[k].double() - before[k]).square().sum()) for k in names))


def _list_tensors(reply: Reply) -> Iterator[tuple[str, Tensor]]:
    yield from reply.weights.items()
    for kind, tensors in reply.extras.items():
        yield from ((f"{kind}/{name}", tensor) for name, tensor in tensors.items())
