"""FedAvgM, FedAdagrad, FedAdam, FedYogi: the server takes a step (Reddi et al., ICLR 2021).

Algorithm 2 of Adaptive Federated Optimization. The mean change of the sites' weights, Δ =
mean(x_k) − x, is the server's negative gradient. Sites train as in FL-MR, and nothing beside
weights travels. The four differ in one formula each, so they share a file.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from flmrcm.errors import require
from flmrcm.strategies.aggregation import list_trained
from flmrcm.strategies.base import SITE, VOLUME
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Reply, ServerState, Weights

MOMENTUM, VARIANCE, COUNT = "momentum", "variance", "count"


@dataclass(frozen=True)
class FedAvgM(FedAvg):
    """Federated averaging with momentum: m ← β·m + Δ, x ← x + η·m (Hsu et al., arXiv 1909.06335).

    With η = 1 and β = 0 it is federated averaging, bit for bit. The YAML file says why the
    defaults are what they are.

    Args:
        rate: η > 0.
        momentum: β in [0, 1).

    Raises:
        ConfigErrors: a value outside its range.
    """

    private_units: ClassVar[Sequence[str]] = (VOLUME, SITE)

    rate: float = 0.5
    momentum: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_rates(self.rate, momentum=self.momentum)

    @property
    def reads_mean(self) -> bool:
        """Whether `aggregate` reads no more than the mean of replies' weights."""
        return super().reads_mean

    def start(self, weights: Weights, participants: Sequence[str]) -> ServerState:
        """Return a server at rest, m = 0."""
        return ServerState(weights, {MOMENTUM: _fill(weights, 0.0)})

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the state after the server's step; batch statistics are the sites' mean."""
        weights = super().aggregate(state, replies).weights
        momentum: Weights = {}
        for name, kept in state.extras[MOMENTUM].items():
            mean, carried = weights[name].double(), self.momentum * kept.double()
            change = mean - state.weights[name].double()
            # counted from the mean, so that nothing is rounded where the server adds nothing
            moved = mean + (self.rate - 1) * change + self.rate * carried
            weights[name] = moved.to(kept)
            momentum[name] = (carried + change).to(kept)
        return ServerState(weights, {**state.extras, MOMENTUM: momentum})


@dataclass(frozen=True)
class AdaptiveServer(FedAvg):
    """A server whose step is scaled for each weight alone: x ← x + η·m / (√v + τ).

    With m ← β₁·m + (1 − β₁)·Δ; each optimizer has its own v. Defaults are those of the YAML files,
    which say why.

    Args:
        rate: η > 0; about the most that a weight changes in a round.
        beta_1: β₁ in [0, 1).
        tau: τ > 0, in units of weights; changes far below it are not scaled.
        initial: v before the first round, in units of τ²; the paper asks for at least 1, Flower
            starts from 0.

    Raises:
        ConfigErrors: a value outside its range.
    """

    private_units: ClassVar[Sequence[str]] = (VOLUME, SITE)

    rate: float = 4e-3
    beta_1: float = 0.5
    tau: float = 2e-3
    initial: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_rates(self.rate, beta_1=self.beta_1)
        require(
            {
                "strategy.tau": (self.tau > 0, f"above 0; got {self.tau}."),
                "strategy.initial": (self.initial >= 0, f"at least 0; got {self.initial}."),
            }
        )

    @abstractmethod
    def update_variance(self, variance: Tensor, square: Tensor) -> Tensor:
        """Return v after a round, ≥ 0, of v before it and Δ²; both of one weight, in float64."""

    def correct_rate(self, extras: Mapping[str, Weights]) -> float:
        """Return η of this round, given the server's state after it."""
        return self.rate

    @property
    def reads_mean(self) -> bool:
        """Whether `aggregate` reads no more than the mean of replies' weights."""
        return super().reads_mean

    def start(self, weights: Weights, participants: Sequence[str]) -> ServerState:
        """Return a server at rest, m = 0 and v as configured, that has counted no round."""
        variance = _fill(weights, self.initial * self.tau**2)
        rounds = {"rounds": torch.tensor(0)}
        extras = {MOMENTUM: _fill(weights, 0.0), VARIANCE: variance, COUNT: rounds}
        return ServerState(weights, extras)

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the state after the server's step; batch statistics are the sites' mean."""
        weights = super().aggregate(state, replies).weights
        count = {"rounds": state.extras[COUNT]["rounds"] + 1}
        momentum, variance = dict(state.extras[MOMENTUM]), dict(state.extras[VARIANCE])
        extras = {**state.extras, MOMENTUM: momentum, VARIANCE: variance, COUNT: count}
        rate = self.correct_rate(extras)
        for name, kept in state.extras[MOMENTUM].items():
            before = state.weights[name].double()
            change = weights[name].double() - before
            m = self.beta_1 * kept.double() + (1 - self.beta_1) * change
            v = self.update_variance(variance[name].double(), change.square())
            weights[name] = (before + rate * m / (v.sqrt() + self.tau)).to(kept)
            momentum[name], variance[name] = m.to(kept), v.to(kept)
        return ServerState(weights, extras)


@dataclass(frozen=True)
class FedAdagrad(AdaptiveServer):
    """v ← v + Δ²: steps shrink as changes add up."""

    beta_1: float = 0.0

    def update_variance(self, variance: Tensor, square: Tensor) -> Tensor:
        """Return v + Δ²."""
        return variance + square


@dataclass(frozen=True)
class FedAdam(AdaptiveServer):
    """v ← β₂·v + (1 − β₂)·Δ².

    Args:
        beta_2: β₂ in [0, 1).
        bias_correction: multiply η by √(1 − β₂^(t+1)) / (1 − β₁^(t+1)) in round t = 1, 2, …, as
            Flower does; algorithm 2 has no such factor.
    """

    beta_2: float = 0.5
    bias_correction: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_rates(self.rate, beta_2=self.beta_2)

    def update_variance(self, variance: Tensor, square: Tensor) -> Tensor:
        """Return β₂·v + (1 − β₂)·Δ²."""
        return self.beta_2 * variance + (1 - self.beta_2) * square

    def correct_rate(self, extras: Mapping[str, Weights]) -> float:
        """Return η, with Flower's bias correction where it is asked for."""
        if not self.bias_correction:
            return self.rate
        power = int(extras[COUNT]["rounds"]) + 1
        return self.rate * (1 - self.beta_2**power) ** 0.5 / (1 - self.beta_1**power)


@dataclass(frozen=True)
class FedYogi(AdaptiveServer):
    """v ← v − (1 − β₂)·Δ²·sign(v − Δ²): v follows Δ² in steps that do not depend on v.

    Args:
        beta_2: β₂ in [0, 1).
    """

    beta_2: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_rates(self.rate, beta_2=self.beta_2)

    def update_variance(self, variance: Tensor, square: Tensor) -> Tensor:
        """Return v − (1 − β₂)·Δ²·sign(v − Δ²)."""
        return variance - (1 - self.beta_2) * square * (variance - square).sign()


def _require_rates(rate: float, **fractions: float) -> None:
    rules = {"strategy.rate": (rate > 0, f"above 0; got {rate}.")}
    for key, value in fractions.items():
        rules[f"strategy.{key}"] = (0 <= value < 1, f"in [0, 1); got {value}.")
    require(rules)


def _fill(weights: Weights, value: float) -> Weights:
    """Return one value for every entry that training changes."""
    return {name: torch.full_like(weights[name], value) for name in list_trained(weights)}
