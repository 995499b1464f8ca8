"""In-plane geometry, always in image space: first square pixels, then one matrix for all."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from flmrcm.data.targets import find_foreground
from flmrcm.prepare.scan import Scan

_SQUARE_TOLERANCE = 0.01
"""Pixels whose sides differ by less than this fraction count as square."""

MatrixSize = tuple[int, int]
"""Number of rows and of columns."""


def resample_to_square(scan: Scan, pixel_mm: float | None = None) -> Scan:
    """Return the scan with square pixels, by bicubic interpolation with antialiasing.

    Args:
        scan: image (…, rows, columns).
        pixel_mm: side of a pixel, mm; None uses the finer side, and doesn't change square pixels.

    Returns:
        The scan. Rows and columns are whole numbers, so `voxel_mm` may differ a little from
        `pixel_mm`: the field of view stays the same.
    """
    _, row_mm, column_mm = scan.voxel_mm
    if pixel_mm is None and abs(row_mm / column_mm - 1) <= _SQUARE_TOLERANCE:
        return scan
    side = pixel_mm or min(row_mm, column_mm)
    height, width = scan.image.shape[-2:]
    size = max(1, round(height * row_mm / side)), max(1, round(width * column_mm / side))
    if size == (height, width):
        return scan
    down, right = height / size[0], width / size[1]
    # the field of view stays, so its first pixel's centre moves with the pixel's side
    start = (0.0, (down - 1) / 2, (right - 1) / 2)
    return scan.on_grid(resample(scan.image, size), start, (1.0, down, right))


def resample(image: NDArray[Any], size: MatrixSize) -> NDArray[Any]:
    """Return an image with another matrix over the same field of view.

    Args:
        image: (slices, rows, columns) or (slices, coils, rows, columns); real images are
            magnitudes, at least 0.
        size: new number of rows and of columns.
    """
    if np.iscomplexobj(image):
        source = torch.from_numpy(np.ascontiguousarray(image))
        return torch.complex(
            _resize_bicubic(source.real, size), _resize_bicubic(source.imag, size)
        ).numpy()
    # bicubic interpolation overshoots at edges, but a magnitude is never negative
    return _resize_bicubic(torch.from_numpy(np.ascontiguousarray(image)), size).clamp(min=0).numpy()


def _resize_bicubic(image: Tensor, size: MatrixSize) -> Tensor:
    flat = image.reshape(-1, 1, *image.shape[-2:]).float()
    resized = F.interpolate(flat, size, mode="bicubic", antialias=True)
    return resized.reshape(*image.shape[:-2], *size)


def fit_matrix(scan: Scan, size: MatrixSize | None) -> tuple[Scan, float]:
    """Return the scan cropped or zero-padded around its centre, and the lost share of foreground.

    Args:
        scan: image (…, rows, columns).
        size: new number of rows and of columns; None changes nothing.

    Returns:
        The scan, and the fraction of its foreground pixels that was cut off, in [0, 1].
    """
    if size is None or scan.image.shape[-2:] == size:
        return scan, 0.0
    old_size = scan.image.shape[-2:]
    top, left = (old // 2 - new // 2 for new, old in zip(size, old_size, strict=True))
    fitted = scan.on_grid(crop_or_pad(scan.image, size), (0, top, left))
    if all(new >= old for new, old in zip(size, old_size, strict=True)):
        return fitted, 0.0
    foreground = find_foreground(scan.magnitude)
    return fitted, 1 - float(crop_or_pad(foreground, size).sum() / foreground.sum())


def crop_or_pad(image: NDArray[Any], size: MatrixSize) -> NDArray[Any]:
    """Return an image, (…, rows, columns), cropped or zero-padded to a size.

    Pixel `n // 2`, the centre of the Fourier transform, stays pixel `n // 2`.

    Args:
        image: (…, rows, columns).
        size: new number of rows and of columns.
    """
    height, width = image.shape[-2:]
    result = np.zeros((*image.shape[:-2], *size), image.dtype)
    (old_rows, new_rows), (old_columns, new_columns) = (
        _find_overlap(height, size[0]),
        _find_overlap(width, size[1]),
    )
    result[..., new_rows, new_columns] = image[..., old_rows, old_columns]
    return result


def _find_overlap(old: int, new: int) -> tuple[slice, slice]:
    """Return the part that two centred axes share: its slice of the old and of the new axis."""
    shift = new // 2 - old // 2
    length = min(old, new)
    old_start, new_start = max(0, -shift), max(0, shift)
    return slice(old_start, old_start + length), slice(new_start, new_start + length)
