"""Small pictures of a volume: the choice of slices, the brightness and the size."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flmrcm.data.h5 import Volume
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.errors import DataLayoutError

Pixels = NDArray[np.float32]

_HEAD = 0.05  # a pixel above this fraction of the maximum is head, not air


def choose_evenly(n: int, most: int) -> list[int]:
    """Return at most `most` of the indices 0, …, n − 1, evenly spread.

    If indices are left out, so are those at both ends: the first and last slices show little.
    """
    if n <= most:
        return list(range(n))
    return [int((place + 0.5) * n / most) for place in range(most)]


def read_images(volume: Volume, indices: Sequence[int], side: int) -> Pixels:
    """Return slices of the target as small pictures; NaN and infinity are black.

    Args:
        volume: header of the file.
        indices: numbers of the slices, at least one.
        side: longer side of a picture, pixels.

    Returns:
        float32, (slices, height, width), magnitude in the units of the file.

    Raises:
        DataLayoutError: the file has no target, or it can't be read.
    """
    if volume.target_key is None:
        raise DataLayoutError(f"{volume.path}: holds no target to show.")
    with open_h5(volume.path) as file:
        target = get_dataset(file, volume.path, volume.target_key)
        try:
            return np.stack([fit_to_side(target[index], side) for index in indices])
        except (OSError, IndexError) as error:
            raise DataLayoutError(f"{volume.path}: the target can't be read ({error}).") from None


def fit_to_side(image: Pixels, side: int) -> Pixels:
    """Return an image, (height, width), resized so that its longer side is `side` pixels.

    Pixels are averaged or repeated, so none becomes brighter than it was.
    """
    clean = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0)
    height, width = (max(1, round(n * side / max(image.shape))) for n in image.shape)
    small = Image.fromarray(clean).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32)


def find_white_level(images: Pixels, percentile: float = 98.0) -> float:
    """Return the brightness to show as white, above 0; a few bright pixels are clipped by it.

    Args:
        images: magnitude, any shape.
        percentile: percentile of the head's pixels that becomes white, in (0, 100].
    """
    head = images[images > _HEAD * images.max()] if images.size else images
    return float(np.percentile(head, percentile)) if head.size else 1.0


def encode_data_uri(image: Pixels, white: float) -> str:
    """Return a magnitude image, (height, width), as a JPEG inside a `data:` address for HTML."""
    levels = np.clip(255 * image / white, 0, 255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(levels).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
