"""The order of examples: it depends on a seed address, never on what was drawn before."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from flmrcm.seeding import seed_for


class BatchIndices(NamedTuple):
    """The examples of one batch.

    Attributes:
        indices: numbers of the examples.
        epoch: number of the training epoch, from 0; None in validation and test.
        repeats: how often each example was in this epoch before; None stands for zeros.
    """

    indices: list[int]
    epoch: int | None
    repeats: list[int] | None = None


def shuffle_indices(n: int, *address: object) -> list[int]:
    """Return a random permutation of 0, …, n − 1 that depends on the seed address alone."""
    return np.random.default_rng(seed_for("order", *address)).permutation(n).tolist()


def batch_by_size(
    order: Sequence[int], sizes: Sequence[Hashable], batch_size: int
) -> Iterator[list[int]]:
    """Split an order into batches; all examples of a batch have the same image size.

    Examples of one size stay in order. If all have one size, batches are consecutive pieces.

    Args:
        order: indices of the examples.
        sizes: the size of each example, by index.
        batch_size: examples per batch; the last batch of each size may be smaller.
    """
    # one unfinished batch per size; dictionaries keep the order in which sizes appeared
    open_batches: dict[Hashable, list[int]] = {}
    for index in order:
        batch = open_batches.setdefault(sizes[index], [])
        batch.append(index)
        if len(batch) == batch_size:
            yield open_batches.pop(sizes[index])
    yield from open_batches.values()


def batch_repeated(
    order: Sequence[int], sizes: Sequence[Hashable], batch_size: int, epoch: int
) -> Iterator[BatchIndices]:
    """Split an order in which examples come again into batches; each knows how often it came."""
    seen = Counter[int]()
    for indices in batch_by_size(order, sizes, batch_size):
        repeats: list[int] = []
        for index in indices:
            repeats.append(seen[index])
            seen[index] += 1
        yield BatchIndices(indices, epoch, repeats)


def batch_in_order(sizes: Sequence[Hashable], batch_size: int) -> Iterator[list[int]]:
    """Split 0, 1, 2, … into batches; a batch ends early where the image size changes.

    So the slices of a volume follow each other, as the scores of whole volumes need.

    Args:
        sizes: the size of each example.
        batch_size: largest number of examples per batch.
    """
    for _, run in groupby(range(len(sizes)), key=sizes.__getitem__):
        yield from batch_by_size(list(run), sizes, batch_size)


def draw_target_order(
    sampling: str, n_target: int, n_source: int, epoch: int, seed: int
) -> list[int]:
    """Return the target examples that are used beside one epoch of a source site's examples.

    Args:
        sampling: `published` repeats or cuts the target's list of examples to the length of the
            source's and shuffles it, so of a larger target only the first examples are ever used;
            `shuffled` draws without replacement until every example was used, then again, and
            continues from epoch to epoch.
        n_target: number of examples at the target site.
        n_source: number of examples at the source site.
        epoch: number of the epoch, counted over the whole run.
        seed: seed of the draw.

    Returns:
        n_source indices of target examples.
    """
    if sampling == "published":
        return [index % n_target for index in shuffle_indices(n_source, seed, epoch)]
    # an endless row of permutations of the target; this epoch uses n_source entries of it
    first = epoch * n_source
    permutations = range(first // n_target, (first + n_source - 1) // n_target + 1)
    indices = [
        index
        for permutation in permutations
        for index in shuffle_indices(n_target, seed, "deck", permutation)
    ]
    start = first - permutations[0] * n_target
    return indices[start : start + n_source]


class BatchOrder(Sampler[BatchIndices]):
    """The batches of one epoch; `set_epoch` chooses the epoch, as Lightning's Trainer does.

    Args:
        sizes: the size of each example.
        batch_size: examples per batch.
        address: seed address of the shuffle; None keeps the order of the files, without an epoch.
    """

    def __init__(
        self, sizes: Sequence[Hashable], batch_size: int, address: tuple[object, ...] | None
    ) -> None:
        self.sizes, self.batch_size, self.address = sizes, batch_size, address
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, counted over the whole run."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[BatchIndices]:
        if self.address is None:
            for indices in batch_in_order(self.sizes, self.batch_size):
                yield BatchIndices(indices, None)
            return
        order = shuffle_indices(len(self.sizes), *self.address, self.epoch)
        for indices in batch_by_size(order, self.sizes, self.batch_size):
            yield BatchIndices(indices, self.epoch)

    def __len__(self) -> int:
        return sum(1 for _ in self)
