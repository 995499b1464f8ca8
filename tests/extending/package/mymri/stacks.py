"""Volumes as NumPy files, named by subject and contrast: `ann_T1.npy`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flmrcm.errors import DataLayoutError
from flmrcm.prepare.input_files import list_files
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume


@dataclass(frozen=True)
class Stacks:
    """Magnitudes, (slices, rows, columns), in files of NumPy.

    Args:
        input: folder of the files.
        contrasts: some of those that the names say.
        voxel_mm: spacing of slices, rows and columns; the files don't say it.
    """

    input: str
    contrasts: Sequence[str]
    voxel_mm: Sequence[float] = (1.0, 1.0, 1.0)

    def find(self) -> Iterator[FoundVolume]:
        """Yield the wanted volumes, sorted.

        Raises:
            DataLayoutError: there are none.
        """
        _, files = list_files(self.input, (".npy",))
        parts = [(file, *file.stem.rpartition("_")[::2]) for file in files]
        found = [FoundVolume(who, what, (f,)) for f, who, what in parts if what in self.contrasts]
        if not found:
            named = f"SUBJECT_{self.contrasts[0]}.npy"
            raise DataLayoutError(f"input={self.input}: no file is named like {named}.")
        yield from found

    def read(self, volume: FoundVolume) -> Scan:
        """Return one volume.

        Raises:
            UnusableVolume: it hasn't three axes.
        """
        image = np.load(volume.paths[0]).astype(np.float32)
        if image.ndim != 3:
            raise UnusableVolume(f"{volume.paths[0]}: {image.ndim} axes; slices, rows, columns.")
        slices, rows, columns = map(float, self.voxel_mm)
        return Scan(image, (slices, rows, columns), "SPL", image.shape, "magnitude")
