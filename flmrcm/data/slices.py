"""The slices of a site's split as a data set of whole batches."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from flmrcm.data.h5 import Volume, read_slice, read_targets
from flmrcm.data.order import BatchIndices

_KSPACE_BYTES, _TARGET_BYTES = 8, 4


class RawBatch(NamedTuple):
    """Slices of one size as they lie on disk.

    Attributes:
        kspace: complex64, (batch, coils, rows, columns), fully sampled.
        target: float32, (batch, height, width), magnitude.
        site: the institution of each slice.
        volume: the volume name of each slice.
        slice: (batch,), index within the volume.
        epoch: which pass over the training data; None for validation and test.
        peak: (batch,), the largest target value of each slice's volume; None unless asked for.
        repeats: how often each slice was in this pass before; None where none was.
        acquired: bool, (batch, columns), False in columns that are padding; None where none is.
    """

    kspace: Tensor
    target: Tensor
    site: list[str]
    volume: list[str]
    slice: Tensor
    epoch: int | None
    peak: Tensor | None = None
    repeats: list[int] | None = None
    acquired: Tensor | None = None


class Slices(Dataset[RawBatch]):
    """A split's slices; an item is a whole batch, named by a `Pick`.

    Args:
        examples: (volume, slice index) in file order.
        in_memory: keep everything once `load` was called.
        with_peak: also read the largest value of each volume's target.
    """

    def __init__(
        self,
        examples: Sequence[tuple[Volume, int]],
        in_memory: bool = False,
        with_peak: bool = False,
    ) -> None:
        self.examples, self.in_memory, self.with_peak = examples, in_memory, with_peak
        self._peaks: dict[Path, float] = {}
        self._kept: list[tuple[np.ndarray, np.ndarray | None]] = []

    def load(self) -> "Slices":
        """Read everything where it's to be kept, before loader processes share it."""
        if self.in_memory and not self._kept:
            self._kept = [read_slice(*example) for example in self.examples]
        return self

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, pick: BatchIndices) -> RawBatch:
        volumes = [self.examples[index][0] for index in pick.indices]
        kspaces, targets = zip(*map(self._read, pick.indices), strict=True)
        return RawBatch(
            torch.from_numpy(np.stack(kspaces)),
            torch.from_numpy(np.stack(targets)),
            [volume.site for volume in volumes],
            [volume.name for volume in volumes],
            torch.tensor([self.examples[index][1] for index in pick.indices]),
            pick.epoch,
            torch.tensor([self._find_peak(volume) for volume in volumes])
            if self.with_peak
            else None,
            pick.repeats,
            _mark_acquired(volumes),
        )

    @property
    def sizes(self) -> list[tuple[object, object]]:
        """The k-space and target shapes of each example: only equal ones share a batch."""
        return [(volume.shape[1:], volume.target_shape) for volume, _ in self.examples]

    @property
    def n_bytes(self) -> int:
        """The memory that keeping every slice takes."""
        return sum(
            _KSPACE_BYTES * int(np.prod(volume.shape[1:]))
            + _TARGET_BYTES * int(np.prod(volume.target_shape or (0,)))
            for volume, _ in self.examples
        )

    def _find_peak(self, volume: Volume) -> float:
        if volume.path not in self._peaks:
            self._peaks[volume.path] = float(read_targets(volume).max())
        return self._peaks[volume.path]

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        return self._kept[index] if self._kept else read_slice(*self.examples[index])


def _mark_acquired(volumes: Sequence[Volume]) -> Tensor | None:
    """Return which columns are no padding, bool, (volumes, columns); None where none is."""
    marks = torch.ones(len(volumes), volumes[0].shape[-1], dtype=torch.bool)
    for row, volume in zip(marks, volumes, strict=True):
        first, end = volume.acquired or (0, len(row))
        row[:first], row[end:] = False, False
    return None if bool(marks.all()) else marks
