"""Several losses at once, each with a weight of its own."""

from collections.abc import Mapping

import torch
from torch import Tensor

from flmrcm.errors import ConfigErrors, require
from flmrcm.learning.losses import Loss
from flmrcm.types import Batch, Reconstruction


class WeightedSum(Loss):
    """Σ weightᵢ · lossᵢ, of losses that compare the same reconstruction with the same goal.

    Losses are on different scales: a weight says little about how much a loss counts.

    Args:
        terms: losses by a name of one's own.
        weights: ≥ 0, of each of them by its name; a term of weight 0 isn't computed.

    Raises:
        ConfigErrors: names that don't agree, a weight outside its range, none above 0, or a loss
            that hides samples from the network, such as SSDU: it would hide them from the others.
    """

    def __init__(self, terms: Mapping[str, Loss], weights: Mapping[str, float]) -> None:
        rules = {
            f"loss.weights.{name}": (value >= 0, f"at least 0; got {value}.")
            for name, value in weights.items()
        }
        rules["loss.weights"] = any(weights.values()), "one of them above 0."
        unlike = sorted(terms.keys() ^ weights.keys())
        problems = [f"loss: {name} needs both loss.terms.{name} and a weight." for name in unlike]
        problems += [
            f"loss.terms.{name}: {type(term).__name__} hides samples; it can't be one of several."
            for name, term in terms.items()
            if type(term).divide is not Loss.divide
        ]
        if problems:
            raise ConfigErrors(problems)
        require(rules)
        self.weights = {name: value for name, value in weights.items() if value}
        self.terms = {name: term for name, term in terms.items() if name in self.weights}
        self.term_names = tuple(self.terms)
        used = self.terms.values()
        self.needs_peak = any(term.needs_peak for term in used)
        self.needs_target = any(term.needs_target for term in used)
        self.needs_kspace = any(term.needs_kspace for term in used)

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return the weighted sum; see `Loss`."""
        return self.measure(found, goal)[0]

    def measure(self, found: Reconstruction, goal: Batch) -> list[Tensor]:
        """Return the weighted sum, then each term without its weight."""
        values = {name: term(found, goal) for name, term in self.terms.items()}
        parts = [self.weights[name] * value for name, value in values.items()]
        return [torch.stack(parts).sum(), *values.values()]
