"""In which order examples are visited: a function of an address, never of what came before."""

from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from flmrcm.seeding import seed_for


class BatchIndices(NamedTuple):
    """The examples of one batch, and on which pass over the data they're visited."""

    indices: list[int]
    epoch: int | None


def shuffle_indices(n: int, *address: object) -> list[int]:
    """Gives a permutation of n examples drawn from an address."""
    return np.random.default_rng(seed_for("order", *address)).permutation(n).tolist()


def batch_by_size(
    order: Sequence[int], sizes: Sequence[Hashable], batch_size: int
) -> Iterator[list[int]]:
    """Cuts an order into batches of equal image size.

    Examples of one size keep their order. Where all have one size this is plain chunking.

    Args:
        order: indices of examples.
        sizes: the size of each example, by index.
        batch_size: examples per batch; the last batch of each size may be smaller.
    """
    open_batches: dict[Hashable, list[int]] = {}
    for index in order:
        batch = open_batches.setdefault(sizes[index], [])
        batch.append(index)
        if len(batch) == batch_size:
            yield open_batches.pop(sizes[index])
    yield from open_batches.values()


def batch_in_order(sizes: Sequence[Hashable], batch_size: int) -> Iterator[list[int]]:
    """Cuts 0, 1, 2, … into batches; one ends early where the size changes, so volumes stay whole.

    Args:
        sizes: the size of each example.
        batch_size: examples per batch at most.
    """
    for _, run in groupby(range(len(sizes)), key=sizes.__getitem__):
        yield from batch_by_size(list(run), sizes, batch_size)


def draw_target_order(
    sampling: str, n_target: int, n_source: int, epoch: int, seed: int
) -> list[int]:
    """Gives which target examples accompany one pass over a source site's examples.

    Args:
        sampling: `published` repeats or cuts the target's sorted examples to the source's number
            and shuffles them, so that a larger target is never used up; `shuffled` draws without
            replacement until all are used, then anew, going on from pass to pass.
        n_target: examples at the target.
        n_source: examples at the source.
        epoch: the pass, counted over the whole run.
        seed: of the draw.

    Returns:
        n_source indices of target examples.
    """
    if sampling == "published":
        return [index % n_target for index in shuffle_indices(n_source, seed, epoch)]
    first = epoch * n_source
    decks = range(first // n_target, (first + n_source - 1) // n_target + 1)
    cards = [card for deck in decks for card in shuffle_indices(n_target, seed, "deck", deck)]
    skipped = first - decks[0] * n_target
    return cards[skipped : skipped + n_source]


class BatchOrder(Sampler[BatchIndices]):
    """The batches of one pass; `set_epoch` chooses the pass, as Lightning's Trainer does.

    Args:
        sizes: the size of each example.
        batch_size: examples per batch.
        address: of the shuffle; None keeps the file order and marks no epoch.
    """

    def __init__(
        self, sizes: Sequence[Hashable], batch_size: int, address: tuple[object, ...] | None
    ) -> None:
        self.sizes, self.batch_size, self.address = sizes, batch_size, address
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the pass, counted over the whole run."""
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
