"""Means of sites' tensors, as running float64 sums: memory does not grow with the sites."""

from collections.abc import Iterable, Mapping
from math import inf, log

import torch
from torch import Tensor

from flmrcm.types import Reply, Weights

EXAMPLES, FAIR = "examples", "fair"
WEIGHTINGS = ("uniform", EXAMPLES, FAIR)
_RANGE = 1e-250, 1e250
"""Weights of means: their products with a float32 tensor stay numbers, and so does their sum."""

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""What a batch norm counts; no gradient changes these entries of a state dict."""


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


def average_replies(replies: Iterable[Reply], weighting: str, fairness: float = 1.0) -> Weights:
    """Return the mean of the replies' weights, named, shaped and typed as theirs.

    Args:
        replies: at least one, in sorted site order: float sums depend on their order.
        weighting: see `weigh_reply`.
        fairness: see `weigh_reply`.
    """
    mean = RunningMean()
    for reply in replies:
        mean.add(reply.weights, weigh_reply(reply, weighting, fairness))
    return mean.result()


def weigh_reply(reply: Reply, weighting: str, fairness: float = 1.0) -> float:
    """Return a reply's weight in a mean, above 0; weights need not sum to 1.

    `fair` are the weights F_k^q of q-FFL (Li et al., ICLR 2020, equation 4), F_k being the site's
    mean reconstruction loss over the round. q-FFL rather than agnostic federated learning (Mohri et
    al., ICML 2019): it needs no state at the server, works when only some sites reply, and one
    number goes from the uniform mean (q = 0, bit for bit) towards the worst site alone. The weights
    are divided by their sum: the paper's step length is derived for plain SGD, and would make the
    step shorter under RMSprop or Adam for no reason.

    Args:
        reply: of a training site.
        weighting: `uniform` (1 each), `examples` (training slices) or `fair`.
        fairness: q ≥ 0 of `fair`.
    """
    if weighting == EXAMPLES:
        return float(reply.n_examples)
    return reply.metrics["loss"] ** fairness if weighting == FAIR else 1.0


def find_weight_problem(reply: Reply, weighting: str, fairness: float = 1.0) -> str | None:
    """Return why a reply cannot be weighed, in a few words; None where it can."""
    loss = reply.metrics.get("loss", 0.0)
    if weighting != FAIR:
        return None
    if not 0 < loss < inf:
        return f"its loss is {loss:g}, and weighting=fair needs one above 0"
    # a sum of weights must be a number above 0, too
    least, most = _RANGE
    if fairness and not log(least) < fairness * log(loss) < log(most):
        return f"its loss of {loss:g} to the power of strategy.fairness={fairness:g} is no weight"
    return None


def list_trained(weights: Weights) -> list[str]:
    """Return the names of the entries that gradients change: no counts, no batch statistics."""
    return [
        name
        for name, tensor in weights.items()
        if tensor.is_floating_point() and name.rpartition(".")[2] not in _STATISTICS
    ]
