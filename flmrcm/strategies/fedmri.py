"""FedMRI: a shared encoder that is drawn to the global one, a decoder at each site.

Specificity-preserving federated learning (Feng et al., IEEE TMI 2022).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.strategies.aggregation import list_trained
from flmrcm.strategies.base import LocalRule
from flmrcm.strategies.fedper import FedPer
from flmrcm.types import Batch, Broadcast, Learner, Reply, ServerState, SiteContext, Step, Weights

OWN, ALL = "own", "all"
PREVIOUS = "previous"
ENCODERS = "encoders"
_SEPARATOR = "-"  # in no name of a weight
_EPSILON = 1e-14  # as in the authors' code


@dataclass(frozen=True)
class FedMRI(FedPer):
    """FedPer with β·Σ‖θ − θ_global‖₁ / Σₖ‖θ − θₖ‖₁ in every local objective.

    θ are the shared weights that are trained, θ_global those that were sent, θₖ those that came out
    of the last training: of the site alone, which keeps them, or of all sites, as in the authors'
    code, which then sends every site's encoder to every other. There is no term in a site's first
    round, and at β = 0 it is FedPer. The authors leave it out of each epoch's first step; here only
    the round's first step has no gradient of it, as θ = θ_global.

    Args:
        beta: β ≥ 0; the authors' is 100, beside a mean squared error.
        negatives: `own`, or `all` as published.

    Raises:
        ConfigErrors: a negative β, or another word.
    """

    per_step: ClassVar[str] = "two distances of the shared weights"

    beta: float = 100.0
    negatives: str = OWN

    def __post_init__(self) -> None:
        super().__post_init__()
        if problems := check_choice("strategy.negatives", self.negatives, (OWN, ALL)):
            raise ConfigErrors(problems)
        require({"strategy.beta": (self.beta >= 0, f"at least 0; got {self.beta}.")})

    @property
    def reads_mean(self) -> bool:
        """Whether `aggregate` reads no more than a mean: where a site keeps its own encoder."""
        return self.negatives == OWN and super().reads_mean

    def build_extras(
        self, site: str, state: ServerState, answers: Sequence[Reply]
    ) -> Mapping[str, Weights]:
        """Return every site's encoder of the last round, where all are compared with."""
        return {ENCODERS: state.extras[ENCODERS]} if ENCODERS in state.extras else {}

    def aggregate(self, state: ServerState, replies: Iterable[Reply]) -> ServerState:
        """Return the averaged state, and where all are compared with, every site's encoder."""
        encoders = dict(state.extras.get(ENCODERS, {}))

        def keep() -> Iterator[Reply]:
            for reply in replies:
                for name in list_trained(reply.weights):
                    encoders[f"{name}{_SEPARATOR}{reply.site}"] = reply.weights[name]
                yield reply

        if self.negatives == OWN:
            return super().aggregate(state, replies)
        mean = super().aggregate(state, keep())
        return ServerState(mean.weights, {**mean.extras, ENCODERS: encoders})

    def local_rule(self, site: SiteContext) -> LocalRule:
        """Return the rule that draws the encoder to the global one."""
        return WeightedContrast(self.beta, self.negatives, site)


class WeightedContrast(LocalRule):
    """Adds the contrastive term, and keeps the site's shared weights for its next round."""

    def __init__(self, beta: float, negatives: str, site: SiteContext) -> None:
        self.beta, self.negatives = beta, negatives
        self.memory, self.sent = site.memory, site.message.weights
        kept = site.memory.tensors.get(PREVIOUS, {})
        others = split_encoders(site.message) if negatives == ALL else [kept] * bool(kept)
        self.pairs: list[tuple[Tensor, Tensor, list[Tensor]]] = [
            (weight, self.sent[name].to(weight), [other[name].to(weight) for other in others])
            for name, weight in site.module.model.named_parameters()
            if name in self.sent and others
        ]

    def penalty(self, step: Step, batch: Batch) -> Tensor | float:
        """Return β times the ratio of distances, a scalar; 0 in a site's first round."""
        if not self.pairs:
            return 0.0
        near = torch.stack([(w - sent).abs().sum() for w, sent, _ in self.pairs]).sum()
        far = torch.stack([(w - o).abs().sum() for w, _, others in self.pairs for o in others])
        # both are 0 where one site trained alone, before its first step
        return self.beta * near / (far.sum() + _EPSILON)

    def finish(self, module: Learner) -> Mapping[str, Weights]:
        """Write the trained shared weights to the memory; the reply carries no more."""
        if self.negatives == OWN:
            self.memory.tensors[PREVIOUS] = {
                name: weight.detach().to("cpu", copy=True)
                for name, weight in module.model.named_parameters()
                if name in self.sent
            }
        return {}


def split_encoders(message: Broadcast) -> list[Weights]:
    """Return each site's encoder in a message, sorted by site."""
    encoders: dict[str, Weights] = {}
    for key, tensor in message.extras.get(ENCODERS, {}).items():
        name, _, site = key.partition(_SEPARATOR)
        encoders.setdefault(site, {})[name] = tensor
    return [encoders[site] for site in sorted(encoders)]
