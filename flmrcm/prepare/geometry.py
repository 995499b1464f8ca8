"""In-plane geometry, always in image space: square pixels first, then one matrix for all."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from flmrcm.data.targets import find_foreground
from flmrcm.prepare.scan import Scan

_SQUARE_TOLERANCE = 0.01
"""Sides that differ by a smaller share than this count as equal."""

MatrixSize = tuple[int, int]


def resample_to_square(scan: Scan, pixel_mm: float | None = None) -> Scan:
    """Resamples in-plane, bicubic with antialiasing, where pixels aren't as asked.

    Args:
        scan: (…, height, width).
        pixel_mm: side of a pixel; None takes the finer side, and leaves square pixels alone.

    Returns:
        The scan; `voxel_mm` follows from the whole numbers of rows and columns that fit best.
    """
    thickness, row_mm, column_mm = scan.voxel_mm
    if pixel_mm is None and abs(row_mm / column_mm - 1) <= _SQUARE_TOLERANCE:
        return scan
    side = pixel_mm or min(row_mm, column_mm)
    height, width = scan.image.shape[-2:]
    size = max(1, round(height * row_mm / side)), max(1, round(width * column_mm / side))
    if size == (height, width):
        return scan
    voxel = thickness, row_mm * height / size[0], column_mm * width / size[1]
    return replace(scan, image=resample(scan.image, size), voxel_mm=voxel)


def resample(image: NDArray[Any], size: MatrixSize) -> NDArray[Any]:
    """Gives an image of another matrix over the same field of view.

    Args:
        image: (slice, height, width) or (slice, coil, height, width); real ones are magnitudes,
            so bicubic overshoot below 0 is cut off.
        size: rows and columns.
    """
    if np.iscomplexobj(image):
        coded = torch.from_numpy(np.ascontiguousarray(image))
        return torch.complex(
            _resize_bicubic(coded.real, size), _resize_bicubic(coded.imag, size)
        ).numpy()
    return _resize_bicubic(torch.from_numpy(np.ascontiguousarray(image)), size).clamp(min=0).numpy()


def _resize_bicubic(image: Tensor, size: MatrixSize) -> Tensor:
    flat = image.reshape(-1, 1, *image.shape[-2:]).float()
    wanted = F.interpolate(flat, size, mode="bicubic", antialias=True)
    return wanted.reshape(*image.shape[:-2], *size)


def fit_matrix(scan: Scan, size: MatrixSize | None) -> tuple[Scan, float]:
    """Crops and pads with zeros around the centre, and tells what share of the foreground it cost.

    The centre pixel `n // 2` stays the centre pixel, so phases of k-space keep their meaning.

    Args:
        scan: (…, height, width).
        size: rows and columns; None leaves the scan as it is.
    """
    if size is None or scan.image.shape[-2:] == size:
        return scan, 0.0
    fitted = scan.with_image(crop_or_pad(scan.image, size))
    if all(new >= old for new, old in zip(size, scan.image.shape[-2:], strict=True)):
        return fitted, 0.0
    shown = find_foreground(scan.magnitude)
    return fitted, 1 - float(crop_or_pad(shown, size).sum() / shown.sum())


def crop_or_pad(image: NDArray[Any], size: MatrixSize) -> NDArray[Any]:
    """Gives the last two axes cropped or zero-padded to `size`, centre on centre."""
    height, width = image.shape[-2:]
    result = np.zeros((*image.shape[:-2], *size), image.dtype)
    (from_rows, to_rows), (from_columns, to_columns) = (
        _find_overlap(height, size[0]),
        _find_overlap(width, size[1]),
    )
    result[..., to_rows, to_columns] = image[..., from_rows, from_columns]
    return result


def _find_overlap(old: int, new: int) -> tuple[slice, slice]:
    """Where `min(old, new)` pixels come from and go to."""
    shift = new // 2 - old // 2
    length = min(old, new)
    source, goal = max(0, -shift), max(0, shift)
    return slice(source, source + length), slice(goal, goal + length)
