"""FedDyn: every site's objective is moved until the sites agree (Acar et al., ICLR 2021)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from flmrcm.errors import require
from flmrcm.strategies.aggregation import RunningMean, list_trained
from flmrcm.strategies.base import SITE, VOLUME, LocalRule
from flmrcm.strategies.fedavg import MEAN, FedAvg
from flmrcm.types import Learner, Reply, ServerState, SiteContext, Weights

GRADIENT = "gradient"
"""g_k in a site's memory, and h, their mean over all sites, at the server."""


@dataclass(frozen=True)
class FedDyn(FedAvg):
    """Sites minimise L_k(θ) − ⟨g_k, θ⟩ + α/2·‖θ − w‖², algorithm 1; w are the broadcast weights.

    The norm is squared. After a round g_k ← g_k − α·(θ_k − w), and at the server, with P of N sites
    replying, h ← h − α·(|P|/N)·(mean(θ_k) − w) and w ← mean(θ_k) − h/α. Sites that did not train
    keep their g_k, so that h stays the mean of all of them. Only weights travel.

    Args:
        alpha: α > 0. The smaller it is, the further −h/α carries the server.

    Raises:
        ConfigErrors: α ≤ 0, a rule other than the mean, or another weighting than uniform.
    """

    per_step: ClassVar[str] = "a pull and a shift on each weight"
    private_units: ClassVar[Sequence[str]] = (VOLUME, SITE)

    alpha: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        why = f"{self.name}'s h is the plain mean over sites; use"
        require(
            {
                "strategy.alpha": (self.alpha > 0, f"above 0; got {self.alpha}."),
                "strategy.aggregation": (self.aggregation == MEAN, f"{why} {MEAN}."),
                "strategy.weighting": (self.weighting == "uniform", f"{why} uniform."),
            }
        )

    @property
    def reads_mean(self) -> bool:
        """Whether `aggregate` reads no more than the mean of replies, and how many they are."""
        return True

    def start(self, weights: Weights, participants: Sequence[str]) -> ServerState:
        """Return the state with h = 0 and the number of sites, N."""
        zeros = {name: torch.zeros_like(weights[name]) for name in list_trained(weights)}
        sites = {"sites": torch.tensor(len(participants))}
        return ServerState(weights, {GRADIENT: zeros, "count": sites})

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the state with h after the round, and the mean of the sites moved by −h/α."""
        mean, answered = RunningMean(), 0
        for reply in replies:
            mean.add(reply.weights)
            answered += 1
        weights, gradient = mean.result(), dict(state.extras[GRADIENT])
        share = answered / int(state.extras["count"]["sites"])
        for name, h in state.extras[GRADIENT].items():
            change = weights[name].double() - state.weights[name].double()
            new = h.double() - self.alpha * share * change
            weights[name] = (weights[name].double() - new / self.alpha).to(h)
            gradient[name] = new.to(h)
        return ServerState(weights, {**state.extras, GRADIENT: gradient})

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return the rule that adds −g_k + α·(θ − w) to every gradient."""
        return DynamicTraining(self.alpha, site)


class DynamicTraining(LocalRule):
    """Adds the gradient of the moved objective; it is none of the logged loss."""

    def __init__(self, alpha: float, site: SiteContext) -> None:
        self.alpha, self.memory, self.sent = alpha, site.memory, site.message.weights
        self.own = site.memory.tensors.get(GRADIENT, {})
        device = next(site.module.model.parameters()).device
        self.anchor = {name: tensor.to(device) for name, tensor in self.sent.items()}
        self.moved_by = {name: tensor.to(device) for name, tensor in self.own.items()}

    def adjust_gradients(self, module: Learner) -> None:
        """Add −g_k + α·(θ − w) to the gradient of every shared weight."""
        for name, parameter in module.model.named_parameters():
            if parameter.grad is None or name not in self.anchor:
                continue
            parameter.grad.add_(parameter.detach() - self.anchor[name], alpha=self.alpha)
            if name in self.moved_by:  # from a site's second round on
                parameter.grad.sub_(self.moved_by[name])

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Write the new g_k = g_k − α·(θ_k − w) to the memory; the reply carries no more."""
        new: Weights = {}
        for name, parameter in module.model.named_parameters():
            if name not in self.sent:
                continue
            change = parameter.detach().cpu().double() - self.sent[name].double()
            new[name] = (self._own_gradient(name) - self.alpha * change).to(self.sent[name])
        self.memory.tensors[GRADIENT] = new
        return {}

    def _own_gradient(self, name: str) -> torch.Tensor | float:
        return self.own[name].double() if name in self.own else 0.0
