"""What a file itself says was measured: its data set `mask`, or else the zeros of its k-space."""

from dataclasses import replace
from hashlib import blake2b

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.data.ismrmrd_header import find_recon_matrix
from flmrcm.data.stored_sampling import find_acquired, read_told_columns
from flmrcm.errors import DataLayoutError
from flmrcm.mri.masks import Sampling, find_center

_MOST_EMPTY = 0.1
"""Largest share of zeros among measured samples: k-space of whole numbers holds some by chance."""

BoolArray = NDArray[np.bool_]


def adopt_own_sampling(volume: Volume) -> Volume:
    """Return the header of a file whose own sampling is used, once it was seen to fit the k-space.

    Of the k-space one slice is read. Columns that attributes or header call padding were never
    acquired; zeros at the edges speak of padding only where no column between them is missing.

    Raises:
        DataLayoutError: the mask has another size than the k-space, holds other values than 0 and
            1, measures nothing of a slice, or contradicts the k-space.
    """
    with open_h5(volume.path) as file:
        masks, n_low = _read_masks(volume, file), _read_n_low(file)
        index, nonzero = _find_nonzero(volume, file)
        told, recon = read_told_columns(file, volume.shape[-1]), _read_recon_shape(file)
    pattern, (lines, n_missing) = find_pattern(nonzero), find_acquired(_any(nonzero, 0))
    whole = len(pattern) == 1 and not n_missing
    first, end = (max(told[0], lines[0]), min(told[1], lines[1])) if whole else told
    masks = np.array(pattern[None] if masks is None else masks)
    mask = np.broadcast_to(masks[index % len(masks)], nonzero.shape).copy()
    content = f"{masks.shape}{n_low}".encode() + np.packbits(masks).tobytes()
    masks[..., :first] = masks[..., end:] = False
    if not masks.any((1, 2)).all():
        raise DataLayoutError(f"{volume.path}: its 'mask' measures nothing of a slice; mend it.")
    _check_agreement(volume, mask, nonzero)
    return replace(
        volume,
        acquired=(first, end),
        own_mask=blake2b(content, digest_size=8).hexdigest(),
        exceeds_mask=bool((nonzero & ~mask).any()),
        lacks_center=any(find_center(_shorten(m), volume.shape[2], n_low)[1] == 0 for m in masks),
        recon_shape=None if volume.target_key else recon,
    )


def read_own_sampling(volume: Volume, index: int, kspace: NDArray[np.complexfloating]) -> Sampling:
    """Return what a file says was measured of a slice; never padding.

    Without a mask in the file that's what isn't zero; of a black slice, what isn't zero in the one
    nearest to the middle of the volume.

    Args:
        volume: its adopted header.
        index: number of the slice, from 0.
        kspace: of the slice, (coils, rows, columns), as it is read.

    Raises:
        DataLayoutError: the file can't be read.
    """
    with open_h5(volume.path) as file:
        masks, n_low = _read_masks(volume, file, index), _read_n_low(file)
        if masks is None:
            nonzero = _any(kspace != 0, 0)
            masks = find_pattern(nonzero if nonzero.any() else _find_nonzero(volume, file)[1])[None]
    mask, (first, end) = np.array(masks[0]), volume.acquired or (0, volume.shape[-1])
    mask[:, :first] = mask[:, end:] = False
    mask = _shorten(mask)
    return Sampling(torch.from_numpy(mask), find_center(mask, volume.shape[2], n_low))


def find_pattern(nonzero: BoolArray) -> BoolArray:
    """Return the sampling that the zeros of a slice speak of: whole columns, or else samples.

    Args:
        nonzero: (rows, columns), whether a sample isn't zero in some coil; one at least isn't.

    Returns:
        bool, (1, columns) where columns are either empty or full, apart from rows of zeros at the
        edges; else (rows, columns).
    """
    rows, columns = _any(nonzero, 1), _any(nonzero, 0)
    is_full = nonzero[np.ix_(rows, columns)].mean() >= 1 - _MOST_EMPTY
    return columns[None] if is_full and not find_acquired(rows)[1] else nonzero


def _read_masks(volume: Volume, file: h5py.File, index: int | None = None) -> BoolArray | None:
    """Return the file's masks, or one slice's, (slices or 1, rows or 1, columns); None without."""
    if "mask" not in file:
        return None
    stored = get_dataset(file, volume.path, "mask")
    one = index is not None and stored.ndim == 3 and stored.shape[0] > 1
    array = np.asarray(stored[()] if not one else stored[[index]])
    masks = array if array.ndim < 2 else volume.turn(array)
    slices, _, rows, columns = volume.shape
    sizes = (1 if one else slices, rows, columns)
    fits = 1 <= masks.ndim <= 3 and masks.shape[-1] == columns
    masks = masks.reshape((1,) * (3 - masks.ndim) + masks.shape) if fits else masks
    if not fits or any(a not in (1, b) for a, b in zip(masks.shape, sizes, strict=True)):
        raise DataLayoutError(
            f"{volume.path}: its 'mask' is {stored.shape}, its k-space {rows}×{columns} with "
            f"{slices} slices{' (turned)' * volume.is_turned}; it must be ({columns},), or "
            "(rows, columns) or (slices, rows, columns) as the k-space is stored."
        )
    if masks.dtype.kind not in "biuf" or not np.isin(masks, (0, 1)).all():
        raise DataLayoutError(f"{volume.path}: its 'mask' holds other values than 0 and 1.")
    return masks != 0


def _read_n_low(file: h5py.File) -> int:
    """Return the size of the centre as the file tells it; 0 where it doesn't."""
    told = np.asarray(file.attrs.get("num_low_frequency", 0))
    return int(told.item()) if told.size == 1 and told.dtype.kind in "iuf" else 0


def _read_recon_shape(file: h5py.File) -> tuple[int, int] | None:
    """Return rows and columns of the final image as fastMRI's loader crops it; None if unknown."""
    try:
        return find_recon_matrix(np.asarray(file["ismrmrd_header"]).item())
    except (KeyError, ValueError, TypeError):
        return None


def _find_nonzero(volume: Volume, file: h5py.File) -> tuple[int, BoolArray]:
    """Return the slice nearest to the middle that isn't black, and its samples that aren't zero.

    Raises:
        DataLayoutError: all slices are black.
    """
    kspace, middle = get_dataset(file, volume.path, "kspace"), volume.shape[0] // 2
    for index in sorted(range(volume.shape[0]), key=lambda index: abs(index - middle)):
        plane = _any(volume.turn(kspace[index] != 0).reshape(volume.shape[1:]), 0)
        if plane.any():
            return index, plane
    raise DataLayoutError(f"{volume.path}: its k-space is zero throughout: nothing was measured.")


def _shorten(mask: BoolArray) -> BoolArray:
    """Return a mask, (rows, columns), as (1, columns) where all rows are alike."""
    return mask[:1] if (mask == mask[0]).all() else mask


def _any(array: BoolArray, axis: int) -> BoolArray:
    return np.asarray(array.any(axis))


def _check_agreement(volume: Volume, mask: BoolArray, nonzero: BoolArray) -> None:
    """Raise an error where a mask calls measured what is zero between samples that aren't."""
    (top, bottom), (left, right) = (find_acquired(_any(nonzero, axis))[0] for axis in (1, 0))
    measured, stored = (x[top:bottom, left:right] for x in (mask, nonzero))
    empty = float((~stored[measured]).mean()) if measured.any() else 1.0
    if empty > _MOST_EMPTY:
        raise DataLayoutError(
            f"{volume.path}: its 'mask' and its k-space contradict each other: {empty:.0%} of the "
            "samples that it calls measured are zero. Is it another file's, or of the other axis?"
        )
