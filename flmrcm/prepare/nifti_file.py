"""One NIfTI, FreeSurfer or Analyze file: scale factors, frames, affine."""

import gzip
from math import prod
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.analyze import AnalyzeImage
from nibabel.fileholders import FileHolder
from nibabel.freesurfer.mghformat import MGHImage
from nibabel.nifti1 import Nifti1Pair
from nibabel.orientations import axcodes2ornt
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from flmrcm.prepare.orientation import reorient
from flmrcm.prepare.scan import Scan, UnusableVolume

ENDINGS = (".nii", ".nii.gz", ".mgz", ".mgh", ".hdr")
"""Files that are read: NIfTI, FreeSurfer, and NIfTI or Analyze in two files, `.hdr` and `.img`."""

_MAX_GZIP_RATIO = 1032
"""Largest number of bytes that gzip can store in one byte."""


def read_nifti(
    path: Path, plane: str = "axial", frame: int | None = None, orientation: str | None = None
) -> Scan:
    """Return the volume of a file after its scale factors; other damage raises nibabel's errors.

    Args:
        path: a file with one of `ENDINGS`.
        plane: axial | coronal | sagittal: plane of the slices.
        frame: number of the frame to use of a 4-D file, from 0.
        orientation: directions of the axes, such as `LAS`, for files without them.

    Raises:
        UnusableVolume: truncated, not three axes, colours, no orientation, or a singular affine.
    """
    pixels = _find_pixels(path)
    kind = _find_kind(path)
    compressed = path.suffix.lower() in (".gz", ".mgz")
    # nibabel gets an open stream, which is then read to its end: only there gzip has its checksum
    with gzip.open(pixels) if compressed else pixels.open("rb") as stream:
        holder = FileHolder(fileobj=stream)
        header = holder if pixels == path else FileHolder(str(path))
        image = kind.from_file_map({"header": header, "image": holder}, mmap=False)
        _check_size(image, pixels.stat().st_size * (_MAX_GZIP_RATIO if compressed else 1))
        array = _read_values(image, frame)
        while stream.read(1 << 20):
            pass
    oriented = reorient(array, _read_affine(image, orientation), plane)
    return Scan(
        image=np.ascontiguousarray(oriented.image),
        voxel_mm=oriented.voxel_mm,
        native_orientation=oriented.native_orientation,
        native_shape=image.shape,
        kspace_origin="measured" if np.iscomplexobj(array) else "magnitude",
        orientation=oriented.orientation,
        # directions that were typed tell nothing of the place
        affine=oriented.affine if _says_where(image) else None,
    )


def strip_ending(name: str) -> str:
    """Return a file's name without one of `ENDINGS`."""
    ending = max((e for e in ENDINGS if name.lower().endswith(e)), key=len, default="")
    return name[: len(name) - len(ending)]


def _find_kind(path: Path) -> type[Any]:
    """Return nibabel's class of a file that can be read here."""
    if path.suffix.lower() in (".mgz", ".mgh"):
        return MGHImage
    kind = type(nibabel.load(path))
    if not issubclass(kind, AnalyzeImage):
        raise UnusableVolume(f"is {kind.__name__}, not NIfTI")
    # SPM's Analyze is read as any: its directions are in a third file, or nowhere
    return kind if issubclass(kind, Nifti1Pair) else AnalyzeImage


def _find_pixels(path: Path) -> Path:
    """Return the file of the values: the `.img` beside a `.hdr`, else the file itself."""
    if path.suffix.lower() != ".hdr":
        return path
    pixels = path.with_suffix(".IMG" if path.suffix == ".HDR" else ".img")
    if not pixels.exists():
        raise UnusableVolume(f"is a header only: the values belong into {pixels.name} beside it")
    return pixels


def _check_size(image: SpatialImage, most: int) -> None:
    """A damaged header may declare more voxels than fit into memory."""
    declared = prod(image.shape) * np.dtype(image.get_data_dtype()).itemsize
    if min(image.shape) < 1 or declared > most:
        raise UnusableVolume(
            f"is truncated or damaged: its header declares the shape {image.shape}"
        )


def _read_values(image: SpatialImage, frame: int | None) -> NDArray[Any]:
    """Return one frame with three axes in the order of the file, float32 or complex64."""
    stored: np.dtype[Any] = np.dtype(image.get_data_dtype())
    if stored.fields:
        raise UnusableVolume("holds colours, not one value per voxel")
    shape, dtype = image.shape, np.complex64 if stored.kind == "c" else np.float32
    frames = [n for n in shape[3:] if n > 1]
    if len(shape) < 3 or len(frames) > 1 or 1 in shape[:3]:
        raise UnusableVolume(f"has the shape {shape}; a volume has three axes")
    if not frames:
        return np.asarray(image.dataobj, dtype=dtype).reshape(shape[:3])
    if frame is None or not 0 <= frame < frames[0]:
        raise UnusableVolume(
            f"holds {frames[0]} frames; choose one with frame=0 to frame={frames[0] - 1}"
        )
    index = tuple(frame if n > 1 else 0 for n in shape[3:])
    return np.asarray(image.dataobj[(..., *index)], dtype=dtype)


def _says_where(image: SpatialImage) -> bool:
    """Return whether the header has an affine; Analyze, the oldest format, never: it's a guess."""
    header: Any = image.header
    codes = [key for key in ("sform_code", "qform_code", "goodRASFlag") if key in header]
    return any(int(header[key]) > 0 for key in codes)


def _read_affine(image: SpatialImage, orientation: str | None) -> NDArray[np.float64]:
    """Return the matrix, (4, 4), from indices to mm in RAS+ coordinates."""
    header: Any = image.header
    if _says_where(image):
        return np.asarray(image.affine, np.float64)
    if orientation is None:
        raise UnusableVolume(
            "its header holds no directions of the axes (neither sform nor qform); if you know "
            "them, give orientation=LAS or similar"
        )
    affine = np.eye(4)
    # a row of the affine is a direction in the patient, a column an axis of the array
    directions = axcodes2ornt(tuple(orientation.upper()))
    affine[:3, :3] = 0
    for axis, (direction, sign) in enumerate(directions):
        affine[int(direction), axis] = sign * float(header.get_zooms()[axis])
    return affine
