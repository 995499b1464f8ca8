"""The slices of a site's split as a data set of whole batches."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from flmrcm.data.h5 import Volume, read_slice, read_targets
from flmrcm.data.lesion_masks import read_lesion_mask
from flmrcm.data.order import BatchIndices
from flmrcm.data.own_sampling import read_own_sampling
from flmrcm.mri.masks import Sampling
from flmrcm.seeding import seed_for

_KSPACE_BYTES, _TARGET_BYTES = 8, 4


ReadMaps = Callable[[Volume, int], NDArray[np.complex64] | None]
"""Gives what files hold of a slice's coil maps, complex64, (coils, rows, columns); or None."""


class RawBatch(NamedTuple):
    """Slices of one size as they lie on disk.

    Attributes:
        kspace: complex64, (batch, coils, rows, columns), fully sampled unless the files' own
            sampling is used.
        target: float32, (batch, height, width), magnitude; None where the files hold none.
        site: the institution of each slice.
        volume: the volume name of each slice.
        slice: (batch,), index within the volume.
        epoch: which pass over the training data; None for validation and test.
        peak: (batch,), the largest target value of each slice's volume; None unless asked for.
        repeats: how often each slice was in this pass before; None where none was.
        acquired: bool, (batch, columns), False in columns that are padding; None where none is.
        samplings: of each slice its file's own, None where masks are drawn.
        image_shape: height and width of the final image, pixels; of the target where there is one.
        maps: complex64, (batch, coils, rows, columns), stored coil maps; None unless asked for.
        lesion: bool, (batch, height, width), as the target; None in training, and without any.
    """

    kspace: Tensor
    target: Tensor | None
    site: list[str]
    volume: list[str]
    slice: Tensor
    epoch: int | None
    peak: Tensor | None = None
    repeats: list[int] | None = None
    acquired: Tensor | None = None
    samplings: list[Sampling | None] | None = None
    image_shape: tuple[int, int] | None = None
    maps: Tensor | None = None
    lesion: Tensor | None = None

    @property
    def kspace_shape(self) -> tuple[int, int]:
        """Rows and columns of k-space."""
        return self.kspace.shape[-2], self.kspace.shape[-1]

    @property
    def final_shape(self) -> tuple[int, int]:
        """Height and width of the final image: the target's, where there is one."""
        if self.target is not None:
            return self.target.shape[-2], self.target.shape[-1]
        return self.image_shape or self.kspace_shape

    def copy_to(self, device: torch.device) -> "RawBatch":
        """Return the batch with what is computed with on a device."""
        names = "kspace", "target", "acquired", "peak", "maps"
        tensors = {name: x for name in names if (x := getattr(self, name)) is not None}
        return self._replace(**{k: x.to(device, non_blocking=True) for k, x in tensors.items()})

    def find_seeds(self, seed: int) -> list[int] | None:
        """Return each slice's seed in this pass of a run, by the run's; None in evaluation."""
        if self.epoch is None:
            return None
        # a target smaller than its source comes again within a pass, under a mask of its own
        repeats = self.repeats or [0] * len(self.volume)
        places = zip(self.site, self.volume, self.slice.tolist(), repeats, strict=True)
        return [
            seed_for(seed, site, volume, index, self.epoch, *([repeat] if repeat else ()))
            for site, volume, index, repeat in places
        ]


class StoredSlice(NamedTuple):
    """A slice as `Slices` keeps it.

    Attributes:
        kspace: complex64, (coils, rows, columns).
        target: float32, (height, width); None where the file holds none.
        sampling: the file's own; None where masks are drawn.
    """

    kspace: np.ndarray
    target: np.ndarray | None
    sampling: Sampling | None


class Slices(Dataset[RawBatch]):
    """A split's slices; an item is a whole batch, named by a `Pick`.

    Args:
        examples: (volume, slice index) in file order.
        in_memory: keep everything once `load` was called.
        with_peak: also read the largest value of each volume's target.
        read_maps: also reads coil maps; None reads none.
    """

    def __init__(
        self,
        examples: Sequence[tuple[Volume, int]],
        in_memory: bool = False,
        with_peak: bool = False,
        read_maps: ReadMaps | None = None,
    ) -> None:
        self.examples, self.in_memory, self.with_peak = examples, in_memory, with_peak
        self.read_maps = read_maps
        self._peaks: dict[Path, float] = {}
        self._kept: list[StoredSlice] = []

    def load(self) -> "Slices":
        """Read everything where it's to be kept, before loader processes share it."""
        if self.in_memory and not self._kept:
            self._kept = [_read_slice(*example) for example in self.examples]
        return self

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, pick: BatchIndices) -> RawBatch:
        volumes = [self.examples[index][0] for index in pick.indices]
        slices = [self._read(index) for index in pick.indices]
        targets = [s.target for s in slices if s.target is not None]
        return RawBatch(
            torch.from_numpy(np.stack([s.kspace for s in slices])),
            torch.from_numpy(np.stack(targets)) if targets else None,
            [volume.site for volume in volumes],
            [volume.name for volume in volumes],
            torch.tensor([self.examples[index][1] for index in pick.indices]),
            pick.epoch,
            torch.tensor([self._find_peak(volume) for volume in volumes])
            if self.with_peak and targets
            else None,
            pick.repeats,
            _mark_acquired(volumes),
            [s.sampling for s in slices],
            volumes[0].image_shape,
            self._read_maps(pick.indices),
            self._read_lesions(pick) if targets else None,
        )

    @property
    def sizes(self) -> list[tuple[object, ...]]:
        """Shapes of each example, and whether it has a target: only equal ones share a batch."""
        known: dict[tuple[object, ...], tuple[object, ...]] = {}  # each once in memory
        sizes = ((v.shape[1:], v.image_shape, v.target_key is None) for v, _ in self.examples)
        return [known.setdefault(size, size) for size in sizes]

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

    def _read(self, index: int) -> StoredSlice:
        return self._kept[index] if self._kept else _read_slice(*self.examples[index])

    def _read_maps(self, indices: Sequence[int]) -> Tensor | None:
        if self.read_maps is None:
            return None
        found = [self.read_maps(*self.examples[index]) for index in indices]
        maps = [array for array in found if array is not None]
        return torch.from_numpy(np.stack(maps)) if maps else None

    def _read_lesions(self, pick: BatchIndices) -> Tensor | None:
        """Return the lesions that metrics look at; training reads none."""
        examples = [self.examples[index] for index in pick.indices]
        if pick.epoch is not None or not any(volume.has_lesion for volume, _ in examples):
            return None
        masks = [
            volume.turn(read_lesion_mask(volume.path, index))
            if volume.has_lesion
            else np.zeros(volume.image_shape, bool)
            for volume, index in examples
        ]
        return torch.from_numpy(np.stack(masks))


def _read_slice(volume: Volume, index: int) -> StoredSlice:
    kspace, target = read_slice(volume, index)
    own = read_own_sampling(volume, index, kspace) if volume.own_mask else None
    return StoredSlice(kspace, target, own)


def _mark_acquired(volumes: Sequence[Volume]) -> Tensor | None:
    """Return which columns are no padding, bool, (volumes, columns); None where none is."""
    marks = torch.ones(len(volumes), volumes[0].shape[-1], dtype=torch.bool)
    for row, volume in zip(marks, volumes, strict=True):
        first, end = volume.acquired or (0, len(row))
        row[:first], row[end:] = False, False
    return None if bool(marks.all()) else marks
