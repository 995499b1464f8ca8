"""FedNova: sites that take more steps do not pull harder (Wang et al., NeurIPS 2020)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar

import torch
from torch.optim import SGD, Optimizer

from flmrcm.errors import require
from flmrcm.strategies.aggregation import RunningMean, list_trained
from flmrcm.strategies.base import VOLUME
from flmrcm.strategies.fedavg import MEAN, FedAvg
from flmrcm.types import Broadcast, Reply, ServerState

STEPS = "steps"
"""The metric in which every training reply counts its optimizer steps; nothing else is sent."""


@dataclass(frozen=True)
class FedNova(FedAvg):
    """x ← x + τ_eff · Σ p_k·(x_k − x)/τ_k with τ_eff = Σ p_k·τ_k (equation 8, theorem 1).

    τ_k are a site's optimizer steps in the round, p_k its normalised weight. That is exact where an
    update is a plain sum of gradients times the rate: SGD without momentum, clipped or not. Under
    other optimizers the paper's norm of the gradients' coefficients is no number: RMSprop and Adam
    scale every coordinate by its own history. So they are refused, unless `any_optimizer` asks for
    step counts all the same; as their steps are about equally long, an update grows with its steps
    there, too, and dividing by τ_k removes that to first order.

    Args:
        any_optimizer: allow local optimizers for which this is an approximation.

    Raises:
        ConfigErrors: a rule other than the mean.
    """

    private_units: ClassVar[Sequence[str]] = (VOLUME,)

    any_optimizer: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        why = f"{self.name} averages what sites change in a step; use {MEAN}."
        require({"strategy.aggregation": (self.aggregation == MEAN, why)})

    def find_optimizer_problem(self, optimizer: Optimizer) -> str | None:
        """Return why sites must not train with an optimizer: all but plain SGD are refused."""
        plain = type(optimizer) is SGD and not optimizer.defaults["momentum"]
        if plain or self.any_optimizer:
            return None
        return (
            f"{self.name} is exact for SGD without momentum, and local.optimizer is "
            f"{type(optimizer).__name__}; use local.optimizer._target_=torch.optim.SGD, or "
            "strategy.any_optimizer=true to divide by its step counts as an approximation."
        )

    def validate_reply(self, op: str, sent: Broadcast, reply: Reply) -> str | None:
        """Return what is wrong with a training reply: it has to count at least one step."""
        if op == "train" and not 1 <= reply.metrics.get(STEPS, 0) < inf:
            return "it doesn't count its optimizer steps"
        return super().validate_reply(op, sent, reply)

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the weights moved by τ_eff mean steps; batch statistics are the sites' mean."""
        before = {name: state.weights[name].double() for name in list_trained(state.weights)}
        others, changes, steps = RunningMean(), RunningMean(), RunningMean()
        for reply in replies:
            weight, taken = self.weigh(reply), reply.metrics[STEPS]
            others.add({k: v for k, v in reply.weights.items() if k not in before}, weight)
            changes.add({k: (reply.weights[k] - w) / taken for k, w in before.items()}, weight)
            steps.add({STEPS: torch.tensor(taken, dtype=torch.float64)}, weight)
        effective = steps.result()[STEPS]
        moved = {
            name: (before[name] + effective * change).to(state.weights[name])
            for name, change in changes.result().items()
        }
        return ServerState({**others.result(), **moved}, state.extras)
