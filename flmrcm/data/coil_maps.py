"""Where a batch's coil maps come from: the model, the fully sampled centre, or the data's files."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.data.finite import is_finite
from flmrcm.data.h5 import Volume
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.errors import DataLayoutError
from flmrcm.mri.coil_combination import estimate_maps_of_center
from flmrcm.mri.coils import normalise_maps
from flmrcm.mri.masks import Shape
from flmrcm.mri.normalisation import normalise
from flmrcm.types import Batch

STORED_MAPS = "sensitivity_map"
"""The data set that holds a volume's coil maps, as MRIDC and ATOMMIC call it."""

MAPS_FOLDER = "sensitivity_maps"
"""The folder beside a volume whose file of the volume's name may hold them instead."""


class SplitSlices(NamedTuple):
    """A split's slices, as training or a test will measure them.

    Attributes:
        about: whose they are, for messages.
        masks: what draws their masks, in words.
        examples: volumes and slice indices.
        measure: gives for the number of an example its undersampled k-space, complex64, (coils,
            rows, columns), and the size of the fully sampled centre, once for each such size.
    """

    about: str
    masks: str
    examples: Sequence[tuple[Volume, int]]
    measure: Callable[[int], Iterable[tuple[Tensor, Shape]]]


class CoilMaps:
    """A source of coil maps; one coil needs none, and its map is 1.

    Attributes:
        word: what it is called in a config.
        needs_center: whether the maps come from the fully sampled centre of k-space.
        from_model: whether the model itself is left to find them.
        takes_long: whether they are computed once, and kept, for slices that stay as they are.
    """

    word: ClassVar[str]
    needs_center: ClassVar[bool] = False
    from_model: ClassVar[bool] = False
    takes_long: ClassVar[bool] = False

    def prepare(self, slices: SplitSlices) -> None:
        """Check what can be checked, and compute what takes long, before training needs it.

        Raises:
            DataLayoutError: maps are missing, don't fit, or can't be computed.
        """

    def read(self, volume: Volume, index: int) -> NDArray[np.complex64] | None:
        """Return what files hold of a slice's maps, (coils, rows, columns); None where nothing."""
        return None

    def find(self, batch: Batch, stored: Tensor | None) -> Tensor | None:
        """Return maps, complex, (batch, coils, rows, columns); None leaves them to the model.

        Args:
            batch: with k-space and centre.
            stored: what `read` gave, stacked, on the batch's device.
        """
        if batch.kspace is None or batch.center is None or self.from_model:
            return None
        if batch.kspace.shape[1] == 1:
            return torch.ones_like(batch.kspace)
        return self.find_many(batch.kspace, batch.center, batch.std, stored)

    def find_many(
        self, kspace: Tensor, center: Tensor, std: Tensor, stored: Tensor | None
    ) -> Tensor | None:
        """Return the maps of several coils.

        Args:
            kspace: complex, (batch, coils, rows, columns), undersampled.
            center: int, (batch, 2), rows and columns of the fully sampled centre.
            std: (batch,), of the zero-filled magnitude.
            stored: what `read` gave, stacked.
        """


@dataclass(frozen=True)
class FromModel(CoilMaps):
    """The model finds them: by a network of its own, or else it estimates them from the centre."""

    word: ClassVar[str] = "auto"
    from_model: ClassVar[bool] = True


FROM_MODEL = FromModel()


@dataclass(frozen=True)
class SenseNet(FromModel):
    """The model's own network finds them, and it must have one."""

    word: ClassVar[str] = "sense_net"


@dataclass(frozen=True)
class Adaptive(CoilMaps):
    """Walsh's adaptive estimate from the fully sampled centre; see `mri.coil_combination`."""

    word: ClassVar[str] = "adaptive"
    needs_center: ClassVar[bool] = True

    def find_many(
        self, kspace: Tensor, center: Tensor, std: Tensor, stored: Tensor | None
    ) -> Tensor:
        """Return maps, to the bit those that models find; see `CoilMaps.find_many`."""
        return estimate_maps_of_center(normalise(kspace, torch.zeros_like(std), std), center)


@dataclass(frozen=True)
class Stored(CoilMaps):
    """The data's own: `sensitivity_map` in the volume's file, or beside it.

    Beside it is `sensitivity_maps/NAME.h5` for a volume `NAME.h5`. Maps of any scale are taken and
    brought to Σ|maps|² = 1.
    """

    word: ClassVar[str] = "file"

    def prepare(self, slices: SplitSlices) -> None:
        """Refuse volumes of several coils without maps of their size; see `CoilMaps.prepare`."""
        for volume in dict.fromkeys(volume for volume, _ in slices.examples):
            if volume.shape[1] > 1:
                _check_stored(volume)

    def read(self, volume: Volume, index: int) -> NDArray[np.complex64] | None:
        """Return a slice's maps as they lie in the file; see `CoilMaps.read`.

        Raises:
            DataLayoutError: there are none, or they hold NaN or infinity.
        """
        if volume.shape[1] == 1:
            return None
        path = _locate_stored(volume)
        with open_h5(path) as file:
            maps = np.asarray(get_dataset(file, path, STORED_MAPS)[index], np.complex64)
        if not is_finite(maps):
            raise DataLayoutError(
                f"{path}: slice {index} of '{STORED_MAPS}' holds NaN or infinity; repair the file."
            )
        return np.ascontiguousarray(volume.turn(maps))

    def find_many(
        self, kspace: Tensor, center: Tensor, std: Tensor, stored: Tensor | None
    ) -> Tensor | None:
        """Return the stored maps, normalised; see `CoilMaps.find_many`."""
        return None if stored is None else normalise_maps(stored)


def _locate_stored(volume: Volume) -> Path:
    with open_h5(volume.path) as file:
        if STORED_MAPS in file:
            return volume.path
    beside = volume.path.parent / MAPS_FOLDER / volume.path.name
    if beside.exists():
        return beside
    raise DataLayoutError(
        f"{volume.path}: maps=file, but it holds no data set '{STORED_MAPS}', and there is no "
        f"{MAPS_FOLDER}/{volume.path.name} beside it; write them, or use maps=adaptive."
    )


def _check_stored(volume: Volume) -> None:
    path = _locate_stored(volume)
    slices, coils, rows, columns = volume.shape
    shape = slices, coils, *((columns, rows) if volume.is_turned else (rows, columns))
    with open_h5(path) as file:
        maps: h5py.Dataset = get_dataset(file, path, STORED_MAPS)
        if maps.shape != shape or not np.issubdtype(maps.dtype, np.complexfloating):
            raise DataLayoutError(
                f"{path}: '{STORED_MAPS}' is {maps.dtype} {maps.shape}, but its k-space is "
                f"complex {shape}; the maps must be that, too: (slices, coils, rows, columns)."
            )
