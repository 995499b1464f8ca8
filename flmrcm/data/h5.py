"""The on-disk contract: one HDF5 file per volume, as fastMRI's loader and the published code read.

`<root>/<contrast>/<split>/<volume>.h5` holds `kspace`, complex, (slice, h, w) or
(slice, coil, h, w), centred and orthonormal, and a magnitude target: `reconstruction_esc`
(single-coil) or `reconstruction_rss` (multi-coil). Attributes are informative, never required.
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


@dataclass(frozen=True)
class Volume:
    """One file's header: what can be known without reading its images.

    Attributes:
        path: the file.
        site: the institution it came from; part of the address of its masks.
        shape: of the k-space, (slices, coils, rows, columns); coils is 1 for single-coil files.
        target_key: the target's data set, None where the file has no target.
        target_shape: (height, width) of the target, None without one.
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
    """Gives a file's header after checking it against the contract.

    Args:
        path: an HDF5 file.
        site: the institution it belongs to.
        coils: single | multi | auto; which rank the k-space must have and which target counts.

    Raises:
        DataLayoutError: unreadable or truncated file, no `kspace`, wrong rank or type, a target
            larger than the k-space or with another number of slices.
    """
    with _open_h5(path) as file:
        kspace = _get_dataset(file, path, "kspace")
        if kspace.ndim not in (3, 4) or not np.issubdtype(kspace.dtype, np.complexfloating):
            raise DataLayoutError(
                f"{path}: 'kspace' is {kspace.dtype} {kspace.shape}; it must be complex, "
                "(slice, h, w) or (slice, coil, h, w)."
            )
        kind = "multi" if kspace.ndim == 4 else "single"
        if coils not in (kind, "auto"):
            raise DataLayoutError(f"{path}: 'kspace' is {kind}-coil, but coils={coils} is asked.")
        shape = kspace.shape if kind == "multi" else (kspace.shape[0], 1, *kspace.shape[1:])
        key = _find_target_key(file, kind if coils == "auto" else coils)
        target_shape = (
            _check_target_shape(path, _get_dataset(file, path, key), shape) if key else None
        )
    return Volume(path, site, shape, key, target_shape)


def read_slice(volume: Volume, index: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Gives one slice.

    Returns:
        k-space, complex64, (coils, rows, columns), and the target, float32, (height, width), or
        None where the file has none.

    Raises:
        DataLayoutError: the slice can't be read, or holds NaN or infinity.
    """
    with _open_h5(volume.path) as file:
        try:
            kspace = np.asarray(_get_dataset(file, volume.path, "kspace")[index], np.complex64)
            key = volume.target_key
            target = _get_dataset(file, volume.path, key)[index] if key else None
        except (OSError, IndexError) as error:
            raise DataLayoutError(
                f"{volume.path}: slice {index} can't be read ({error})."
            ) from None
    for name, array in (("kspace", kspace), (volume.target_key, target)):
        if array is not None and not np.isfinite(array).all():
            raise DataLayoutError(
                f"{volume.path}: slice {index} of '{name}' holds NaN or infinity; "
                "mend the file, or leave it out with data.skip_broken=true."
            )
    return kspace.reshape(volume.shape[1:]), None if target is None else target.astype(np.float32)


def read_targets(volume: Volume) -> np.ndarray:
    """Gives a volume's targets, (slices, height, width), magnitude.

    Raises:
        DataLayoutError: the file can't be read or holds no target.
    """
    with _open_h5(volume.path) as file:
        return _get_dataset(file, volume.path, volume.target_key or "target")[()]


def write_volume(
    path: Path, kspace: np.ndarray, target: np.ndarray, attributes: Mapping[str, Any]
) -> None:
    """Writes one volume, whole or not at all: under a temporary name first, then renamed.

    Args:
        path: where to, with the suffix `.h5`; parent folders are made.
        kspace: complex, (slice, h, w) or (slice, coil, h, w), centred, orthonormal.
        target: magnitude, (slice, h', w'), computed from this very k-space.
        attributes: provenance; `max` and `norm` of the target are added.

    Raises:
        OSError: the device is full or refuses.
    """
    target = np.asarray(target, np.float32)
    key = TARGET_KEYS["multi" if kspace.ndim == 4 else "single"]
    # HDF5 crashes on a full device; a buffer's write says it as any file does
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in (("kspace", np.asarray(kspace, np.complex64)), (key, target)):
            file.create_dataset(name, data=array, chunks=(1, *array.shape[1:]))
        file.attrs.update(attributes)
        file.attrs.update(max=float(target.max()), norm=float(np.linalg.norm(target)))
    write_atomically(path, buffer.getbuffer())


def read_attributes(path: Path) -> dict[str, Any]:
    """Gives a file's attributes as they are, texts decoded.

    Raises:
        DataLayoutError: the file can't be opened.
    """
    with _open_h5(path) as file:
        return {
            key: value.decode(errors="replace") if isinstance(value, bytes) else value
            for key, value in file.attrs.items()
        }


@contextmanager
def _open_h5(path: Path) -> Generator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        reason = str(error).split("(")[-1].rstrip(")")
        raise DataLayoutError(f"{path}: not a readable HDF5 file ({reason}).") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise DataLayoutError(f"{path}: damaged inside ({error}).") from None


def _get_dataset(file: h5py.File, path: Path, key: str) -> h5py.Dataset:
    found = file.get(key)
    if not isinstance(found, h5py.Dataset):
        keys = ", ".join(file) or "nothing"
        raise DataLayoutError(f"{path}: no data set '{key}'; the file holds {keys}.")
    return found


def _find_target_key(file: h5py.File, kind: str) -> str | None:
    key = TARGET_KEYS[kind]
    return key if key in file else None


def _check_target_shape(
    path: Path, target: h5py.Dataset, shape: tuple[int, ...]
) -> tuple[int, int]:
    slices, _, rows, columns = shape
    real = np.issubdtype(target.dtype, np.floating)
    if not real or target.ndim != 3 or target.shape[0] != slices:
        raise DataLayoutError(
            f"{path}: the target is {target.dtype} {target.shape}; it must be real, "
            f"(slice, h, w) with {slices} slices."
        )
    height, width = target.shape[1:]
    if height > rows or width > columns:
        raise DataLayoutError(
            f"{path}: the target is {height}×{width}, larger than its k-space {rows}×{columns}."
        )
    return height, width
