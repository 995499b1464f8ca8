"""Federated averaging with a heavy ball at the server (Hsu et al., arXiv 1909.06335)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from flmrcm import FedAvg
from flmrcm.errors import require
from flmrcm.types import Reply, ServerState, Weights

VELOCITY = "velocity"


@dataclass(frozen=True)
class HeavyBall(FedAvg):
    """Federated averaging whose server goes on in the direction of its last step.

    w' = mean + β·v and v' = w' − w, where w are the global weights before the round.

    Args:
        beta: the momentum β in [0, 1); 0 is federated averaging.

    Raises:
        ConfigErrors: a momentum outside its range.
    """

    beta: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        require({"strategy.beta": (0 <= self.beta < 1, f"in [0, 1); got {self.beta}.")})

    def start(self, weights: Weights, participants: Sequence[str]) -> ServerState:
        """Return a server at rest."""
        rest = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
        return ServerState(weights, {VELOCITY: rest})

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the mean of the sites' weights, moved on by the momentum."""
        before, velocity = state.weights, state.extras[VELOCITY]
        mean = super().aggregate(state, replies).weights
        after = {name: tensor + self.beta * velocity[name] for name, tensor in mean.items()}
        moved = {name: tensor - before[name] for name, tensor in after.items()}
        return ServerState(after, {**state.extras, VELOCITY: moved})
