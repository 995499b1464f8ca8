"""Batches made in a thread while the one before is computed with: a GPU needn't wait for a file."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch

T = TypeVar("T")

_STREAMS = 2  # a site's own batches, and the target's that accompany them
_END = object()


class Prefetch:
    """Makes the next item of each stream in a thread; a context, which ends its threads.

    Threads, no processes: those of loaders are started and ended in each round of each site, and
    with them an H200 computed for 46 % of a round of 128 slices.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_STREAMS, "prefetch")

    def __enter__(self) -> "Prefetch":
        return self

    def __exit__(self, *raised: object) -> None:
        # here and not when a stream is forgotten: who collects garbage must not wait for a thread
        self._threads.shutdown(cancel_futures=True)

    def read(self, items: Iterator[T]) -> Iterator[T]:
        """Give the items in their order; each is made while the caller works on the one before.

        Raises:
            Exception: what making an item raised, where the caller asks for that item.
        """
        coming = self._threads.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = self._threads.submit(next, items, _END)
            yield item  # pyright: ignore[reportReturnType]


def read_ahead(device: torch.device) -> AbstractContextManager[Prefetch | None]:
    """Return a context of threads that read where a GPU computes, and of none elsewhere."""
    return nullcontext() if device.type == "cpu" else Prefetch()
