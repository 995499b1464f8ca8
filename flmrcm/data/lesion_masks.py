"""Where a lesion lies in a volume: an optional data set beside the target, which metrics read."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.errors import DataLayoutError

LESION_MASK = "lesion_mask"
"""The data set: of whole numbers or booleans, (slices, height, width) as the target; 0 outside.

Every other number is inside: labels of parts, as segmentations hold them, are one lesion here.
"""


def has_lesion_mask(file: h5py.File, path: Path, target: tuple[int, int, int]) -> bool:
    """Return whether a file says where a lesion lies, once that was seen to fit its target.

    Args:
        file: open.
        path: its path.
        target: shape of its target as it is stored, (slices, height, width).

    Raises:
        DataLayoutError: the mask has another shape, or isn't of whole numbers.
    """
    if LESION_MASK not in file:
        return False
    mask = get_dataset(file, path, LESION_MASK)
    if mask.shape != target or mask.dtype.kind not in "biu":
        raise DataLayoutError(
            f"{path}: '{LESION_MASK}' is {mask.dtype} {mask.shape}, but its target {target}; it "
            "must be of that shape, and of whole numbers: 0 outside of the lesion."
        )
    return True


def read_lesion_mask(path: Path, index: int) -> NDArray[np.bool_]:
    """Return which pixels of a slice lie in a lesion, bool, (height, width), as it is stored.

    Raises:
        DataLayoutError: the file can't be read, or every pixel of the slice is marked.
    """
    with open_h5(path) as file:
        mask = np.asarray(get_dataset(file, path, LESION_MASK)[index]) != 0
    if mask.all():
        raise DataLayoutError(
            f"{path}: '{LESION_MASK}' marks every pixel of slice {index}, but a lesion has "
            "surroundings: is it inverted, or another file's?"
        )
    return mask
