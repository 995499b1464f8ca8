"""The batches that a site trains on, and the target site's batches that accompany them."""

from collections.abc import Iterator
from itertools import chain, count, islice
from math import ceil
from typing import cast

import torch
from torch.utils.data import DataLoader

from flmrcm.data.order import BatchOrder
from flmrcm.data.prefetch import Prefetch
from flmrcm.data.site import Site
from flmrcm.data.slices import RawBatch
from flmrcm.federation.workload import CallWork, Workload
from flmrcm.types import Batch


class SiteBatches:
    """One site's training batches in one round.

    Args:
        site: its data.
        device: where batches are prepared.
        workload: how much is trained.
        round_: counted from 0.
        accumulate: batches of an optimizer step.
        ahead: makes batches while others are computed with; None makes each when it's asked for.
    """

    def __init__(
        self,
        site: Site,
        device: torch.device,
        workload: Workload,
        round_: int,
        accumulate: int = 1,
        ahead: Prefetch | None = None,
    ) -> None:
        self.site, self.device, self.workload, self.round = site, device, workload, round_
        self.accumulate, self.ahead = accumulate, ahead

    def take(self, workload: Workload) -> "SiteBatches":
        """Return the site's batches of the same round for another workload."""
        return SiteBatches(
            self.site, self.device, workload, self.round, self.accumulate, self.ahead
        )

    def count_work(self, learning_rate: float) -> CallWork:
        """Return what the round's training will rest on; no slice is prepared yet."""
        steps = ceil(self.workload.epochs * self.site.n_batches / self.accumulate)
        if self.workload.steps is not None:
            steps = min(steps, self.workload.steps)
        return CallWork(self._count_slices(steps * self.accumulate), steps, learning_rate)

    def train(self) -> Iterator[Batch]:
        """Return the round's batches."""
        epochs = map(self._read_epoch, self.workload.list_epochs(self.round))
        steps = self.workload.steps
        most = None if steps is None else steps * self.accumulate
        # lazily: the next epoch is opened only if steps are left
        return self._prepare(self.site, islice(chain.from_iterable(epochs), most))

    def survey(self) -> Iterator[Batch]:
        """Return the batches of the round's first epoch, in the order training would read them."""
        first = self.workload.list_epochs(self.round)[0]
        return self._prepare(self.site, self._read_epoch(first))

    def accompany(self, target: Site, sampling: str) -> "TargetBatches":
        """Return endless batches of the target's images that accompany this site's.

        Args:
            target: the target site.
            sampling: shuffled | published; see `data.order.draw_target_order`.
        """
        first = self.workload.list_epochs(self.round)[0]
        epochs = (
            target.target_batches(self.site.n_examples, sampling, epoch, self.site.name)
            for epoch in count(first)
        )
        return TargetBatches(self._prepare(target, chain.from_iterable(epochs)))

    def _prepare(self, site: Site, raws: Iterator[RawBatch]) -> Iterator[Batch]:
        batches = (site.prepare_batch(raw, self.device) for raw in raws)
        return self.ahead.read(batches) if self.ahead else batches

    def _count_slices(self, n_batches: int) -> int:
        """Return how many different slices the round's first batches hold."""
        if n_batches >= self.site.n_batches:
            return self.site.n_examples
        first = self.workload.list_epochs(self.round)[0]
        # where images differ in size, batches do, too
        order = islice(cast(BatchOrder, self._open_epoch(first).sampler), n_batches)
        return sum(len(batch.indices) for batch in order)

    def _read_epoch(self, epoch: int) -> Iterator[RawBatch]:
        return iter(self._open_epoch(epoch))

    def _open_epoch(self, epoch: int) -> DataLoader[RawBatch]:
        loader = self.site.train_dataloader()
        cast(BatchOrder, loader.sampler).set_epoch(epoch)
        return loader


class TargetBatches(Iterator[Batch]):
    """Another site's batches; counts the bytes of its images or k-space that training looked at."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches, self.n_bytes = batches, 0

    def __next__(self) -> Batch:
        batch = next(self._batches)
        self.n_bytes += (batch.image if batch.kspace is None else batch.kspace).nbytes
        return batch
