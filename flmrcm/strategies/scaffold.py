"""SCAFFOLD: control variates against client drift (Karimireddy et al., ICML 2020, algorithm 1)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from flmrcm.errors import require
from flmrcm.strategies.aggregation import RunningMean
from flmrcm.strategies.base import VOLUME, LocalRule
from flmrcm.strategies.fedavg import MEAN, FedAvg
from flmrcm.types import Broadcast, Learner, Reply, ServerState, SiteContext, Weights

CONTROL = "control"
CONTROL_CHANGE = "control_change"


@dataclass(frozen=True)
class Scaffold(FedAvg):
    """Federated averaging whose local steps are corrected by c − c_i.

    A site's new control variate is the mean of its uncorrected gradients over the round. With
    plain SGD that is exactly the paper's option II, c_i − c + (x − y)/(K·lr); unlike option II, it
    stays a gradient under RMSprop or Adam.

    Raises:
        ConfigErrors: a rule other than the mean.
    """

    per_step: ClassVar[str] = "a shift of each gradient, and its sum"
    private_units: ClassVar[Sequence[str]] = (VOLUME,)

    def __post_init__(self) -> None:
        super().__post_init__()
        why = f"{self.name} averages: its control variates are means; use {MEAN}."
        require({"strategy.aggregation": (self.aggregation == MEAN, why)})

    def start(self, weights: Weights, participants: Sequence[str]) -> ServerState:
        """Return the state with zero control variates and the number of sites, N."""
        zeros = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
        sites = {"sites": torch.tensor(len(participants))}
        return ServerState(weights, {CONTROL: zeros, "count": sites})

    def build_extras(
        self, site: str, state: ServerState, answers: Sequence[Reply]
    ) -> Mapping[str, Weights]:
        """Return the server's control variate c."""
        return {CONTROL: state.extras[CONTROL]}

    def validate_reply(self, op: str, sent: Broadcast, reply: Reply) -> str | None:
        """Return what is wrong with a training reply's change of the control variate."""
        control, change = sent.extras.get(CONTROL, {}), reply.extras.get(CONTROL_CHANGE, {})
        fits = all(k in control and v.shape == control[k].shape for k, v in change.items())
        good = op != "train" or (change and fits)
        if good:
            return super().validate_reply(op, sent, reply)
        return f"its {CONTROL_CHANGE} doesn't match the control that was sent"

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the averaged weights, and c moved by |S|/N times the mean change of the c_i."""
        weights, change, answered = RunningMean(), RunningMean(), 0
        for reply in replies:
            weights.add(reply.weights, self.weigh(reply))
            change.add(reply.extras[CONTROL_CHANGE])
            answered += 1
        # sites that were not drawn keep their c_i, so c moves by their share only (algorithm 1)
        fraction = answered / int(state.extras["count"]["sites"])
        moved = {
            name: state.extras[CONTROL][name] + fraction * delta
            for name, delta in change.result().items()
        }
        extras = {**state.extras, CONTROL: {**state.extras[CONTROL], **moved}}
        return ServerState(weights.result(), extras)

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return the rule that corrects gradients by both control variates."""
        return ControlledTraining(site)


class ControlledTraining(LocalRule):
    """Adds c − c_i to every gradient and averages the uncorrected gradients."""

    def __init__(self, site: SiteContext) -> None:
        self.memory, server = site.memory, site.message.extras[CONTROL]
        zeros = {name: torch.zeros_like(tensor) for name, tensor in server.items()}
        self.own = site.memory.tensors.get(CONTROL, zeros)
        device = next(site.module.model.parameters()).device
        self.correction = {k: (server[k] - self.own[k]).to(device) for k in server}
        self.sums: Weights = {}
        self.n_steps = 0

    def adjust_gradients(self, module: Learner) -> None:
        """Add c − c_i to the gradients in place, and their uncorrected values to the sums."""
        self.n_steps += 1
        for name, parameter in module.model.named_parameters():
            if parameter.grad is None or name not in self.correction:  # a private weight
                continue
            # before the correction, which is not part of the mean
            raw = parameter.grad.detach().to(torch.float64, copy=True)
            self.sums[name] = self.sums[name] + raw if name in self.sums else raw
            parameter.grad.add_(self.correction[name])

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Write the new control variate to the memory; return how it changed."""
        steps = max(self.n_steps, 1)
        new = {name: (total / steps).to(self.own[name]) for name, total in self.sums.items()}
        self.memory.tensors[CONTROL] = {**self.own, **new}
        return {CONTROL_CHANGE: {name: new[name] - self.own[name] for name in new}}
