"""The file format: one HDF5 file per volume, as fastMRI's loader and the published code read it.

`<root>/<contrast>/<split>/<volume>.h5` holds `kspace`, complex, (slices, rows, columns) or
(slices, coils, rows, columns), from a centred orthonormal FFT, and a magnitude target:
`reconstruction_esc` (single-coil) or `reconstruction_rss` (multi-coil). Attributes are optional;
so is the `lesion_mask` of whoever has a lesion.
Masks undersample columns; a file whose rows are the phase encoding is turned when it is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from flmrcm.data.finite import is_finite
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.data.lesion_masks import LESION_MASK, has_lesion_mask
from flmrcm.data.phase_encoding import find_phase_encoding
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
        shape: shape of the k-space as it is read, (slices, coils, rows, columns); coils is 1 in
            single-coil files.
        target_key: name of the target's data set; None if the file has no target.
        target_shape: (height, width) of the target as it is read, in pixels; None if the file has
            no target.
        is_turned: whether the stored rows are the phase encoding, so that rows and columns of
            k-space and target are exchanged when they are read.
        acquired: (first, end) of the acquired columns, those around them are padding; None if
            that isn't known.
        own_mask: a digest of the file's own sampling where that is used; empty where masks are
            drawn.
        exceeds_mask: whether the k-space holds samples outside the file's own mask.
        lacks_center: whether the file's own mask leaves a slice without a fully sampled centre.
        recon_shape: (height, width) of the final image as the ISMRMRD header says it; None where
            that isn't known, or there is a target.
        has_lesion: whether the file says where in the target a lesion lies.
    """

    path: Path
    site: str
    shape: tuple[int, int, int, int]
    target_key: str | None
    target_shape: tuple[int, int] | None
    is_turned: bool = False
    acquired: tuple[int, int] | None = None
    own_mask: str = ""
    exceeds_mask: bool = False
    lacks_center: bool = False
    recon_shape: tuple[int, int] | None = None
    has_lesion: bool = False

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) of the target, else of the final image, else of the k-space, pixels."""
        return self.target_shape or self.recon_shape or self.shape[2:]

    @property
    def name(self) -> str:
        """The file name without its suffix."""
        return self.path.stem

    def turn(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a stored array, (…, rows, columns), with the phase encoding along its columns."""
        return array.swapaxes(-2, -1) if self.is_turned else array


def read_header(
    path: Path, site: str, coils: str = "auto", phase_encoding: str | None = None
) -> Volume:
    """Return the header of a file after checking it against the file format. Read no images.

    Args:
        path: an HDF5 file.
        site: name of the institution that the file belongs to.
        coils: single | multi | auto: the kind of k-space that the file must hold, and the target
            that is read. One coil with an axis of its own is both.
        phase_encoding: columns | rows, of a file whose attributes don't say it; None: columns.

    Raises:
        DataLayoutError: the file can't be read or is truncated; there is no `kspace`; its type or
            number of axes is wrong; it declares far more values than the file stores; the target
            is larger than the k-space or has another number of slices; a lesion's mask doesn't
            fit the target.
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
        n_coils = kspace.shape[1] if kspace.ndim == 4 else 1
        rows, columns = kspace.shape[-2:]
        shape = kspace.shape[0], n_coils, rows, columns
        keys = [TARGET_KEYS[kind] for kind in _list_kinds(path, kspace.shape, coils)]
        key = next((key for key in keys if key in file), None)
        size = _check_target_shape(path, get_dataset(file, path, key), shape) if key else None
        has_lesion = size is not None and has_lesion_mask(file, path, (shape[0], *size))
        is_turned = find_phase_encoding(file, path, phase_encoding) == "rows"
    if is_turned:
        shape, size = (*shape[:2], columns, rows), size and (size[1], size[0])
    return Volume(path, site, shape, key, size, is_turned, has_lesion=has_lesion)


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
            stored = np.asarray(get_dataset(file, volume.path, "kspace")[index], np.complex64)
            key = volume.target_key
            target = get_dataset(file, volume.path, key)[index] if key else None
        except (OSError, IndexError) as error:
            raise DataLayoutError(
                f"{volume.path}: slice {index} can't be read ({error})."
            ) from None
    for name, array in (("kspace", stored), (volume.target_key, target)):
        if array is not None and not is_finite(array):
            raise DataLayoutError(
                f"{volume.path}: slice {index} of '{name}' holds NaN or infinity; "
                "repair the file, or leave it out with data.skip_broken=true."
            )
    kspace = volume.turn(stored).reshape(volume.shape[1:])
    return kspace, None if target is None else volume.turn(target.astype(np.float32))


def read_targets(volume: Volume) -> np.ndarray:
    """Return all targets of a volume: magnitude, (slices, height, width), in the file's own type.

    Raises:
        DataLayoutError: the file can't be read or holds no target.
    """
    with open_h5(volume.path) as file:
        return volume.turn(get_dataset(file, volume.path, volume.target_key or "target")[()])


def write_volume(
    path: Path,
    kspace: np.ndarray,
    target: np.ndarray,
    attributes: Mapping[str, Any],
    lesion: np.ndarray | None = None,
) -> None:
    """Write one volume, complete or not at all: under a temporary name first, then renamed.

    Args:
        path: the new file, with the suffix `.h5`; parent folders are created.
        kspace: complex, (slices, rows, columns) or (slices, coils, rows, columns), from a centred
            orthonormal FFT.
        target: magnitude, (slices, height, width), computed from this k-space.
        attributes: where the volume comes from and how; `max` and `norm` of the target are added.
        lesion: bool, the target's shape, True inside a lesion; None without one.

    Raises:
        OSError: the disk is full or can't be written to.
    """
    target = np.asarray(target, np.float32)
    key = TARGET_KEYS["multi" if kspace.ndim == 4 else "single"]
    # HDF5 crashes on a full disk; a buffer that is written as bytes raises an ordinary OSError
    buffer = BytesIO()
    arrays = {"kspace": np.asarray(kspace, np.complex64), key: target}
    arrays |= {} if lesion is None else {LESION_MASK: np.asarray(lesion, np.uint8)}
    with h5py.File(buffer, "w") as file:
        for name, array in arrays.items():
            # training reads single slices, so each is a chunk of its own
            file.create_dataset(name, data=array, chunks=(1, *array.shape[1:]))
        file.attrs.update(attributes)
        file.attrs.update(max=float(target.max()), norm=float(np.linalg.norm(target)))
    write_atomically(path, buffer.getbuffer())


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


def _list_kinds(path: Path, shape: tuple[int, ...], coils: str) -> list[str]:
    """Return which kinds a k-space is, the asked one first; a coil axis of 1 is both."""
    kinds = ["single"] if len(shape) == 3 else ["multi"] + ["single"] * (shape[1] == 1)
    if coils not in (*kinds, "auto"):
        raise DataLayoutError(
            f"{path}: 'kspace' is {kinds[0]}-coil, but the config says coils={coils}; "
            f"set coils={kinds[0]} or coils=auto."
        )
    return sorted(kinds, key=lambda kind: kind != coils)


def _check_target_shape(
    path: Path, target: h5py.Dataset, shape: tuple[int, ...]
) -> tuple[int, int]:
    slices, _, rows, columns = shape
    if (
        target.dtype.kind not in "fiu"
        or target.ndim != 3
        or target.shape[0] != slices
        or 0 in target.shape[1:]
    ):
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
