"""The file format: one HDF5 file per volume, as fastMRI's loader and the published code read it.

`<root>/<contrast>/<split>/<volume>.h5` holds `kspace`, complex, (slices, rows, columns) or
(slices, coils, rows, columns), from a centred orthonormal FFT, and a magnitude target:
`reconstruction_esc` (single-coil) or `reconstruction_rss` (multi-coil). Attributes are optional.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically

TARGET_KEYS = {"single": "reconstruction_esc", "multi": "reconstruction_rss"}

_MAX_AXIS = 2**16
"""Slices, coils, rows or columns beyond this number come from a damaged header."""

_MAX_COMPRESSION = 1032
"""Bytes of data per stored byte: gzip, the usual filter of HDF5, can't reach more."""


@dataclass(frozen=True)
class Volume:
    """The header of one file: what is known without reading its images.

    Attributes:
        path: the file.
        site: name of the institution that the file belongs to; the seed of its masks depends on it.
        shape: shape of the k-space, (slices, coils, rows, columns); coils is 1 in single-coil
            files.
        target_key: name of the target's data set; None if the file has no target.
        target_shape: (height, width) of the target in pixels; None if the file has no target.
    """

    path: Path
    site: str
    shape: tuple[int, int, int, int]
    target_key: str | None
    target_shape: tuple[int, int] | None

    @property
    def name(self) -> str:
        """The file name without its suffix."""
        return self.path.stem


def read_header(path: Path, site: str, coils: str = "auto") -> Volume:
    """Return the header of a file after checking it against the file format. Read no images.

    Args:
        path: an HDF5 file.
        site: name of the institution that the file belongs to.
        coils: single | multi | auto: the number of axes that the k-space must have, and the target
            that is read; a coil axis of 1 is either.

    Raises:
        DataLayoutError: the file can't be read or is truncated; there is no `kspace`; its type or
            number of axes is wrong; it declares far more values than the file stores; the target
            is larger than the k-space or has another number of slices.
    """
    with open_h5(path) as file:
        kspace = get_dataset(file, path, "kspace")
        is_complex = np.issubdtype(kspace.dtype, np.complexfloating)
        if kspace.ndim not in (3, 4) or not is_complex or 0 in kspace.shape[1:]:
            raise DataLayoutError(
                f"{path}: 'kspace' is {kspace.dtype} {kspace.shape}; it must be complex, "
                "(slices, rows, columns) or (slices, coils, rows, columns)."
            )
        _check_declared_shape(path, kspace)
        kind = "multi" if kspace.ndim == 4 else "single"
        # an axis of one coil is either
        if coils not in (kind, "auto") and (kind == "single" or kspace.shape[1] > 1):
            raise DataLayoutError(
                f"{path}: 'kspace' is {kind}-coil, but the config says coils={coils}; "
                f"set coils={kind} or coils=auto."
            )
        shape = kspace.shape if kind == "multi" else (kspace.shape[0], 1, *kspace.shape[1:])
        key = _find_target_key(file, kspace.shape, kind if coils == "auto" else coils)
        target_shape = (
            _check_target_shape(path, get_dataset(file, path, key), shape) if key else None
        )
    return Volume(path, site, shape, key, target_shape)


def read_slice(volume: Volume, index: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the k-space and the target of one slice.

    Args:
        volume: header of the file.
        index: number of the slice, from 0.

    Returns:
        k-space, complex64, (coils, rows, columns), and target, float32, (height, width), in the
        units of the file; the target is None if the file has none.

    Raises:
        DataLayoutError: the slice can't be read, or holds NaN or infinity.
    """
    with open_h5(volume.path) as file:
        try:
            kspace = np.asarray(get_dataset(file, volume.path, "kspace")[index], np.complex64)
            key = volume.target_key
            target = get_dataset(file, volume.path, key)[index] if key else None
        except (OSError, IndexError) as error:
            raise DataLayoutError(
                f"{volume.path}: slice {index} can't be read ({error})."
            ) from None
    for name, array in (("kspace", kspace), (volume.target_key, target)):
        if array is not None and not np.isfinite(array).all():
            raise DataLayoutError(
                f"{volume.path}: slice {index} of '{name}' holds NaN or infinity; "
                "repair the file, or leave it out with data.skip_broken=true."
            )
    return kspace.reshape(volume.shape[1:]), None if target is None else target.astype(np.float32)


def read_targets(volume: Volume) -> np.ndarray:
    """Return all targets of a volume: magnitude, (slices, height, width), in the file's own type.

    Raises:
        DataLayoutError: the file can't be read or holds no target.
    """
    with open_h5(volume.path) as file:
        return get_dataset(file, volume.path, volume.target_key or "target")[()]


def write_volume(
    path: Path, kspace: np.ndarray, target: np.ndarray, attributes: Mapping[str, Any]
) -> None:
    """Write one volume, complete or not at all: under a temporary name first, then renamed.

    Args:
        path: the new file, with the suffix `.h5`; parent folders are created.
        kspace: complex, (slices, rows, columns) or (slices, coils, rows, columns), from a centred
            orthonormal FFT.
        target: magnitude, (slices, height, width), computed from this k-space.
        attributes: where the volume comes from and how; `max` and `norm` of the target are added.

    Raises:
        OSError: the disk is full or can't be written to.
    """
    target = np.asarray(target, np.float32)
    key = TARGET_KEYS["multi" if kspace.ndim == 4 else "single"]
    # HDF5 crashes on a full disk; a buffer that is written as bytes raises an ordinary OSError
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in (("kspace", np.asarray(kspace, np.complex64)), (key, target)):
            # training reads single slices, so each is a chunk of its own
            file.create_dataset(name, data=array, chunks=(1, *array.shape[1:]))
        file.attrs.update(attributes)
        file.attrs.update(max=float(target.max()), norm=float(np.linalg.norm(target)))
    write_atomically(path, buffer.getbuffer())


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a file as they are stored; bytes are decoded to text.

    Raises:
        DataLayoutError: the file can't be opened.
    """
    with open_h5(path) as file:
        return {
            key: value.decode(errors="replace") if isinstance(value, bytes) else value
            for key, value in file.attrs.items()
        }


@contextmanager
def open_h5(path: Path) -> Generator[h5py.File]:
    """Open an HDF5 file for reading; errors inside the block become one clear line.

    Raises:
        DataLayoutError: the file can't be opened, or what the block reads is damaged.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        # h5py writes "Unable to …(file signature not found)": only the end helps a reader
        reason = str(error).split("(")[-1].rstrip(")")
        raise DataLayoutError(f"{path}: not a readable HDF5 file ({reason}).") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise DataLayoutError(f"{path}: damaged inside ({error}).") from None


def get_dataset(file: h5py.File, path: Path, key: str) -> h5py.Dataset:
    """Return a data set of an open file.

    Raises:
        DataLayoutError: the file holds no data set of this name.
    """
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        keys = ", ".join(file) or "nothing"
        raise DataLayoutError(f"{path}: no data set '{key}'; the file holds {keys}.")
    return dataset


def _check_declared_shape(path: Path, kspace: h5py.Dataset) -> None:
    """A damaged file of 2 KB may declare terabytes: whoever reads them fills the memory."""
    declared = kspace.nbytes
    # a virtual data set stores its values in other files
    stored = declared if kspace.is_virtual else kspace.id.get_storage_size()
    if max(kspace.shape) > _MAX_AXIS or declared > _MAX_COMPRESSION * stored:
        raise DataLayoutError(
            f"{path}: 'kspace' declares the shape {kspace.shape}, more values than such a file "
            "holds; it is damaged or was never filled: write it again, or remove it."
        )


def _find_target_key(file: h5py.File, shape: tuple[int, ...], kind: str) -> str | None:
    """Return the target's key for a k-space's shape; a coil axis of 1 goes with either."""
    is_one_coil = len(shape) == 4 and shape[1] == 1
    keys = [TARGET_KEYS[kind], *(TARGET_KEYS.values() if is_one_coil else ())]
    return next((key for key in keys if key in file), None)


def _check_target_shape(
    path: Path, target: h5py.Dataset, shape: tuple[int, ...]
) -> tuple[int, int]:
    slices, _, rows, columns = shape
    real = target.dtype.kind in "fui"
    if not real or target.ndim != 3 or target.shape[0] != slices or 0 in target.shape[1:]:
        raise DataLayoutError(
            f"{path}: the target is {target.dtype} {target.shape}; it must be real, "
            f"(slices, rows, columns) with {slices} slices."
        )
    height, width = target.shape[1:]
    if height > rows or width > columns:
        raise DataLayoutError(
            f"{path}: the target is {height}×{width}, larger than its k-space {rows}×{columns}; "
            "crop the target to the size of the k-space."
        )
    return height, width
