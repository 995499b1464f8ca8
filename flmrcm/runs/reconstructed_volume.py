"""A reconstructed volume, and the files that it becomes: HDF5, NIfTI, or a picture per slice.

DICOM is `dicom_output`'s.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flmrcm.data.provenance import Provenance
from flmrcm.files import write_atomically
from flmrcm.inspection.thumbnails import find_white_level

Images = NDArray[np.float32]

_ALIGNED = 2
"""NIfTI's code of an affine that is another file's: of the scan, or with the middle as origin."""

_DESCRIPTION = 79
"""Letters that a NIfTI header has room for."""


@dataclass(frozen=True)
class ReconstructedVolume:
    """All slices of a scan, along the axes that its k-space is stored in.

    Attributes:
        image: magnitude in the scan's own units, (slices, height, width).
        zero_filled: the zero-filled image, same shape and units.
        provenance: voxel size and orientation, where they are known.
        affine: (4, 4), from (slice, row, column) to mm, RAS+; None where directions are unknown.
        attributes: of the scan, those that say where it comes from and how it lies.
        made: what made the image: checkpoint, mask, acceleration.
    """

    image: Images
    zero_filled: Images
    provenance: Provenance
    affine: NDArray[np.float64] | None
    attributes: Mapping[str, Any]
    made: Mapping[str, Any]


def write_h5(volume: ReconstructedVolume, base: Path) -> list[Path]:
    """Write `<base>.h5` in fastMRI's layout: `reconstruction`, float32, (slices, height, width).

    The scan's attributes and what made the image are its attributes.
    """
    path = _add_ending(base, ".h5")
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        chunks = (1, *volume.image.shape[1:])
        file.create_dataset("reconstruction", data=volume.image, chunks=chunks)
        file.attrs.update({**volume.attributes, **volume.made})
    write_atomically(path, buffer.getbuffer())
    return [path]


def write_nifti(volume: ReconstructedVolume, base: Path) -> list[Path]:
    """Write `<base>.nii.gz`, float32, (columns, rows, slices), and `<base>.json` beside it.

    Without an orientation there is no affine, only voxel sizes.
    """
    path, beside = _add_ending(base, ".nii.gz"), _add_ending(base, ".json")
    image = nibabel.Nifti1Image(volume.image.transpose(2, 1, 0), None)
    image.header.set_xyzt_units("mm")
    image.header.set_zooms((volume.provenance.voxel_mm or (1.0, 1.0, 1.0))[::-1])
    if volume.affine is not None:
        affine = volume.affine[:, [2, 1, 0, 3]]
        image.set_sform(affine, _ALIGNED)
        image.set_qform(affine, _ALIGNED)
    image.header["descrip"] = f"{volume.made['made_by']} {volume.made['checkpoint']}"[:_DESCRIPTION]
    write_atomically(beside, f"{json.dumps(dict(volume.made), indent=2)}\n")
    write_atomically(path, gzip.compress(image.to_bytes(), 6, mtime=0))
    return [path, beside]


def write_pngs(volume: ReconstructedVolume, base: Path) -> list[Path]:
    """Write `<base>_slices/000.png` and so on, grey, 8 bits, pixel by pixel, on one scale."""
    folder = _add_ending(base, "_slices")
    levels = np.clip(255 * volume.image / find_white_level(volume.image), 0, 255).round()
    paths: list[Path] = []
    for index, pixels in enumerate(levels.astype(np.uint8)):
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        paths.append(folder / f"{index:03}.png")
        write_atomically(paths[-1], buffer.getbuffer())
    return paths


def _add_ending(base: Path, ending: str) -> Path:
    return base.with_name(f"{base.name}{ending}")
