"""Means of sites' tensors, as running float64 sums: memory does not grow with the sites."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from flmrcm.types import Reply, Weights

WEIGHTINGS = ("uniform", "examples")


class RunningMean:
    """A weighted mean of sets of tensors, added one at a time, summed in float64 and cast back."""

    def __init__(self) -> None:
        self._sums: Weights = {}
        self._dtypes: dict[str, torch.dtype] = {}
        self._total = 0.0

    def add(self, tensors: Mapping[str, Tensor], weight: float = 1.0) -> None:
        """Add one site's tensors.

        Args:
            tensors: with the same names and shapes as those before.
            weight: above 0; weights need not sum to 1.
        """
        for name, tensor in tensors.items():
            term = tensor.double() * weight
            # a site's own float64 tensor times 1 is still a new tensor, so adding in place is safe
            self._sums[name] = self._sums[name].add_(term) if name in self._sums else term
            self._dtypes[name] = tensor.dtype
        self._total += weight

    def result(self) -> Weights:
        """Return the mean of the added tensors, in their own types; at least one was added."""
        return {
            name: (total / self._total).to(self._dtypes[name]) for name, total in self._sums.items()
        }


def average_replies(replies: Iterable[Reply], weighting: str) -> Weights:
    """Return the mean of the replies' weights, named, shaped and typed as theirs.

    Args:
        replies: at least one, in sorted site order: float sums depend on their order.
        weighting: `uniform` (1/K each) or `examples` (by training slices).
    """
    mean = RunningMean()
    for reply in replies:
        mean.add(reply.weights, reply.n_examples if weighting == "examples" else 1.0)
    return mean.result()
