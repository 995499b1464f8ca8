"""Rules that tolerate arbitrary replies of some sites; they have to see all replies at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from flmrcm.errors import SiteFailed
from flmrcm.types import Reply, Weights

_BLOCK = 2**16
"""Coordinates that are sorted together: few enough to need little memory beside the replies."""

Rule = Callable[[Sequence[Weights], int], Weights]
"""Combines many sets of weights into one; the number says how many of them may be arbitrary."""


def trimmed_mean(sets: Sequence[Weights], faulty: int) -> Weights:
    """Return each coordinate's mean without its `faulty` largest and smallest values.

    With no more arbitrary sets than that, every coordinate lies between those of honest sites (Yin
    et al., ICML 2018, definition 2). Computed in float64, returned in the type of the sets.

    Args:
        sets: more than twice `faulty`, with equal names and shapes.
        faulty: values that are left out at each end.
    """

    def mean(name: str, like: Tensor) -> Tensor:
        kept = slice(faulty, len(sets) - faulty)
        middle = (
            torch.stack(block, -1).sort().values[:, kept] for block in _split_blocks(sets, name)
        )
        # each block is cast alone: all replies at once in float64 would take twice their memory
        means = torch.cat([values.double().mean(-1) for values in middle])
        return means.reshape(like.shape).to(like.dtype)

    return {name: mean(name, tensor) for name, tensor in sets[0].items()}


def median(sets: Sequence[Weights]) -> Weights:
    """Return each coordinate's median; of an even number, the mean of the middle two.

    It tolerates arbitrary sets from fewer than half of the sites (Yin et al., definition 1).

    Args:
        sets: at least one, with equal names and shapes.
    """
    return trimmed_mean(sets, (len(sets) - 1) // 2)


def krum(sets: Sequence[Weights], faulty: int) -> Weights:
    """Return the set that is nearest to its n − f − 2 nearest others.

    See Blanchard et al., NeurIPS 2017, section 4.

    Args:
        sets: n ≥ 2f + 3, with equal names and shapes.
        faulty: f, how many may be arbitrary.
    """
    distances = squared_distances(sets).sort(1).values  # a set's distance to itself comes first
    scores = distances[:, 1 : len(sets) - faulty - 1].sum(1)
    # of equal scores the first one, and sets are in sorted site order: the same in every run
    return dict(sets[int(scores.argmin())])


def squared_distances(sets: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """Return squared Euclidean distances over all tensors together: float64, (sets, sets).

    Whole numbers, such as a batch norm's count of batches, say how much a site has trained: they
    are larger than any weight, and don't count.
    """
    # of differences: |a|² + |b|² − 2ab would lose a small distance between large weights
    sums = torch.zeros(len(sets) * (len(sets) - 1) // 2, dtype=torch.float64)
    for name in (name for name, tensor in sets[0].items() if tensor.is_floating_point()):
        for block in _split_blocks(sets, name):
            sums += torch.nn.functional.pdist(torch.stack(block).double()).square()
    distances = torch.zeros(len(sets), len(sets), dtype=torch.float64)
    i, j = torch.triu_indices(len(sets), len(sets), 1)
    distances[i, j] = distances[j, i] = sums
    return distances


def _split_blocks(sets: Sequence[Mapping[str, Tensor]], name: str) -> Iterator[tuple[Tensor, ...]]:
    """Return one tensor's coordinates in every set, a block at a time."""
    return zip(*(weights[name].flatten().split(_BLOCK) for weights in sets), strict=True)


RULES: Mapping[str, Rule] = {
    "median": lambda sets, _: median(sets),
    "trimmed_mean": trimmed_mean,
    "krum": krum,
}
AGGREGATIONS = ("mean", *RULES)


def count_needed_replies(aggregation: str, faulty: int) -> int:
    """Return how many replies a rule needs to tolerate so many arbitrary ones."""
    return {"trimmed_mean": 2 * faulty + 1, "krum": 2 * faulty + 3}.get(aggregation, 1)


def combine_robustly(replies: Sequence[Reply], aggregation: str, faulty: int) -> Weights:
    """Return a rule's combination of the replies' weights.

    Args:
        replies: in sorted site order.
        aggregation: one of `RULES`.
        faulty: how many replies may be arbitrary.

    Raises:
        SiteFailed: fewer replies than the rule needs.
    """
    needed = count_needed_replies(aggregation, faulty)
    if len(replies) < needed:
        raise SiteFailed(
            f"strategy.aggregation={aggregation} with strategy.faulty={faulty} needs {needed} "
            f"replies; {len(replies)} arrived."
        )
    return RULES[aggregation]([reply.weights for reply in replies], faulty)
