"""Small pictures of a volume: which slices, how bright, how large."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import cast

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flmrcm.data.h5 import Volume
from flmrcm.errors import DataLayoutError

Pixels = NDArray[np.float32]

_HEAD = 0.05  # a pixel above this share of the brightest is head, not air
_BRIGHTEST = 98.0  # percentile of the head shown as white


def choose_evenly(n: int, most: int) -> list[int]:
    """Gives at most `most` of n indices, evenly spread, the ends left out where some are."""
    if n <= most:
        return list(range(n))
    return [int((place + 0.5) * n / most) for place in range(most)]


def read_images(volume: Volume, indices: Sequence[int], side: int) -> Pixels:
    """Gives slices of the target for showing: fitted to `side` pixels, NaN and infinity black.

    Returns:
        (slice, height, width), magnitude.

    Raises:
        DataLayoutError: the file has no target, or it can't be read.
    """
    if volume.target_key is None:
        raise DataLayoutError(f"{volume.path}: holds no target to show.")
    try:
        with h5py.File(volume.path, "r") as file:
            target = cast(h5py.Dataset, file[volume.target_key])
            return np.stack([fit_to_side(target[index], side) for index in indices])
    except (OSError, RuntimeError, ValueError, IndexError) as error:
        raise DataLayoutError(f"{volume.path}: the target can't be read ({error}).") from None


def fit_to_side(image: Pixels, side: int) -> Pixels:
    """Gives an image (height, width) resized so that its longer edge is `side` pixels.

    Down by averaging, up by repeating: no pixel is brighter than one that's there.
    """
    clean = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0)
    height, width = (max(1, round(n * side / max(image.shape))) for n in image.shape)
    small = Image.fromarray(clean).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32)


def find_white_level(images: Pixels) -> float:
    """Gives the brightness to show as white: bright spots may be clipped. Positive."""
    head = images[images > _HEAD * images.max()] if images.size else images
    return float(np.percentile(head, _BRIGHTEST)) if head.size else 1.0


def encode_data_uri(image: Pixels, white: float) -> str:
    """Gives an image (height, width) as a JPEG that HTML can hold, `white` and above white."""
    levels = np.clip(255 * image / white, 0, 255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(levels).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
