"""The batches behind one optimizer step: one, or several whose gradients are added up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor

from flmrcm.types import Batch


@dataclass(frozen=True)
class StepBatches:
    """The batches that one optimizer step was taken for; perhaps none.

    Attributes:
        batches: of one size of image each.
        volume: the `site/volume` of every slice.
    """

    batches: Sequence[Batch]
    volume: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        names = [name for batch in self.batches for name in batch.volume]
        object.__setattr__(self, "volume", names)

    @property
    def measured_share(self) -> Tensor:
        """The mean over batches of what is measured; 1 of none."""
        shares = [batch.measured_share for batch in self.batches]
        return torch.stack(shares).mean() if shares else torch.ones(())

    def weigh(self) -> Iterator[tuple[Batch, float]]:
        """Give each batch and its share of the slices: so weighted, losses are a mean over all."""
        return ((batch, len(batch.volume) / len(self.volume)) for batch in self.batches)


def group_batches(batches: Iterable[Batch], size: int) -> Iterator[StepBatches]:
    """Give batches in groups of a size; what is left at the end is a smaller one.

    A batch is asked for when its group is.
    """
    rest = iter(batches)
    while group := list(islice(rest, size)):
        yield StepBatches(group)
