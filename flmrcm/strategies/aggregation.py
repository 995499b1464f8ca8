"""Means of what sites send, as running float64 sums: memory doesn't grow with the sites."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from flmrcm.types import Reply, Weights

WEIGHTINGS = ("uniform", "examples")


class RunningMean:
    """A weighted mean fed one set of tensors at a time, summed in float64 and cast back."""

    def __init__(self) -> None:
        self._sums: Weights = {}
        self._dtypes: dict[str, torch.dtype] = {}
        self._total = 0.0

    def add(self, tensors: Mapping[str, Tensor], weight: float = 1.0) -> None:
        """Adds one site's tensors."""
        for name, tensor in tensors.items():
            term = tensor.double() * weight
            self._sums[name] = self._sums[name].add_(term) if name in self._sums else term
            self._dtypes[name] = tensor.dtype
        self._total += weight

    def result(self) -> Weights:
        """Gives the mean of what was added, in the types it came in."""
        return {
            name: (total / self._total).to(self._dtypes[name]) for name, total in self._sums.items()
        }


def average_replies(replies: Iterable[Reply], weighting: str) -> Weights:
    """Gives the mean of the replies' weights.

    Args:
        replies: at least one, in sorted site order.
        weighting: `uniform` (1/K each) or `examples` (by training slices).
    """
    mean = RunningMean()
    for reply in replies:
        mean.add(reply.weights, reply.n_examples if weighting == "examples" else 1.0)
    return mean.result()
