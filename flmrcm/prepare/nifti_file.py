"""One NIfTI file: scale factors, frames, affine."""

import gzip
from math import prod
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.fileholders import FileHolder
from nibabel.nifti1 import Nifti1Image
from nibabel.orientations import axcodes2ornt
from numpy.typing import NDArray

from flmrcm.prepare.orientation import reorient
from flmrcm.prepare.scan import Scan, UnusableVolume

_MAX_GZIP_RATIO = 1032
"""No zipped file holds more bytes for each of its own."""


def read_nifti(
    path: Path, plane: str = "axial", frame: int | None = None, orientation: str | None = None
) -> Scan:
    """Gives a file's volume, its scale factors applied; a damaged file raises nibabel's errors.

    Args:
        path: `.nii` or `.nii.gz`.
        plane: axial | coronal | sagittal.
        frame: which one of a 4-D file, from 0.
        orientation: where the axes lead to, such as `LAS`, for files whose header doesn't say.

    Raises:
        Skipped: not three axes, colours, no orientation, or a singular affine.
    """
    kind = type(nibabel.load(path))
    if not issubclass(kind, Nifti1Image):
        raise UnusableVolume(f"is {kind.__name__}, not NIfTI")
    zipped = path.suffix.lower() == ".gz"
    with gzip.open(path) if zipped else path.open("rb") as stream:
        holder = FileHolder(fileobj=stream)
        image = kind.from_file_map({"header": holder, "image": holder}, mmap=False)
        _refuse_damaged(image, path.stat().st_size * (_MAX_GZIP_RATIO if zipped else 1))
        array = _read_values(image, frame)
        while stream.read(1 << 20):  # a zipped file's checksum is at its end
            pass
    oriented = reorient(array, _read_affine(image, orientation), plane)
    return Scan(
        image=np.ascontiguousarray(oriented.image),
        voxel_mm=oriented.voxel_mm,
        native_orientation=oriented.native_orientation,
        native_shape=image.shape,
        kspace_origin="measured" if np.iscomplexobj(array) else "magnitude",
        orientation=oriented.orientation,
    )


def _refuse_damaged(image: Nifti1Image, most: int) -> None:
    """A damaged header may promise more voxels than there's memory for."""
    promised = prod(image.shape) * np.dtype(image.get_data_dtype()).itemsize
    if min(image.shape) < 1 or promised > most:
        raise UnusableVolume(
            f"is truncated or damaged: its header promises the shape {image.shape}"
        )


def _read_values(image: Nifti1Image, frame: int | None) -> NDArray[Any]:
    """Three axes, float32 or complex64."""
    kind: np.dtype[Any] = np.dtype(image.get_data_dtype())
    if kind.fields:
        raise UnusableVolume("holds colours, not one value a voxel")
    shape, wanted = image.shape, np.complex64 if kind.kind == "c" else np.float32
    more = [n for n in shape[3:] if n > 1]
    if len(shape) < 3 or len(more) > 1 or 1 in shape[:3]:
        raise UnusableVolume(f"has the shape {shape}; a volume has three axes")
    if not more:
        return np.asarray(image.dataobj, dtype=wanted).reshape(shape[:3])
    if frame is None or not 0 <= frame < more[0]:
        raise UnusableVolume(
            f"holds {more[0]} frames; choose one with frame=0 to frame={more[0] - 1}"
        )
    index = tuple(frame if n > 1 else 0 for n in shape[3:])
    return np.asarray(image.dataobj[(..., *index)], dtype=wanted)


def _read_affine(image: Nifti1Image, orientation: str | None) -> NDArray[np.float64]:
    header = image.header
    if int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0:
        return np.asarray(image.affine, np.float64)
    if orientation is None:
        raise UnusableVolume(
            "its header doesn't say where the axes lead to (neither sform nor qform); if you "
            "know, give orientation=LAS or the like"
        )
    affine = np.eye(4)
    # a row of the affine is a direction in the patient, a column an axis of the array
    turn = axcodes2ornt(tuple(orientation.upper()))
    affine[:3, :3] = 0
    for axis, (direction, sign) in enumerate(turn):
        affine[int(direction), axis] = sign * float(header.get_zooms()[axis])
    return affine
