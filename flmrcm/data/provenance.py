"""Where a volume comes from: the attributes of its file, all of them optional."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flmrcm.data.hdf5 import read_attributes

CANONICAL_ORIENTATION = "SPL"
"""Directions of slices, rows and columns in simulated and prepared axial volumes: superior,
posterior, left. The patient's right is on the left of the picture, as radiologists view it."""

Affine = tuple[tuple[float, ...], ...]
"""Four rows of four numbers, from (slice, row, column) to mm: to the right, to the front, up."""

_OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True)
class Provenance:
    """The attributes that reports show; an attribute that is missing is empty or None.

    Attributes:
        contrast: name of the contrast, `T1`, `T2`, ….
        orientation: directions in which slices, rows and columns are numbered: `SPL` is superior,
            posterior, left.
        kspace_origin: measured | magnitude | magnitude+phase | simulated.
        patient_id: name of the patient; a salted hash in files that this package prepared.
        voxel_mm: spacing of slices, rows and columns in mm.
        maximum: largest value of the target.
        norm: Euclidean norm of the target, √Σ x².
        inside_cut: share of the slices inside the patient that the preparation left out, in [0, 1].
        affine: where the target's voxels lie in the scanner, oblique scans too.
    """

    contrast: str = ""
    orientation: str = ""
    kspace_origin: str = ""
    patient_id: str = ""
    voxel_mm: tuple[float, float, float] | None = None
    maximum: float | None = None
    norm: float | None = None
    inside_cut: float | None = None
    affine: Affine | None = None

    @property
    def edges(self) -> dict[str, str]:
        """Directions at a slice's top, bottom, left and right, R|L|A|P|S|I; empty if unknown."""
        axes = self.orientation.upper()
        # each body axis once: an orientation such as "SPP" or "up" is no orientation
        if len(axes) != 3 or {min(x, _OPPOSITE.get(x, "")) for x in axes} != {"A", "I", "L"}:
            return {}
        _, down, right = axes
        return {
            "top": _OPPOSITE[down],
            "bottom": down,
            "left": _OPPOSITE[right],
            "right": right,
        }


def read_provenance(path: Path) -> Provenance:
    """Return the attributes of a file; an attribute of a wrong type counts as missing.

    Raises:
        DataLayoutError: the file can't be opened.
    """
    attributes = read_attributes(path)
    return Provenance(
        *(_read_text(attributes, key) for key in ("contrast", "orientation", "kspace_origin")),
        patient_id=_read_text(attributes, "patient_id"),
        voxel_mm=_read_spacing(attributes),
        maximum=_read_number(attributes, "max"),
        norm=_read_number(attributes, "norm"),
        inside_cut=_read_number(attributes, "inside_cut"),
        affine=_read_affine(attributes),
    )


def is_made_of_magnitudes(path: Path) -> bool:
    """Return whether a file's k-space is the Fourier transform of a magnitude image, as it says.

    Raises:
        DataLayoutError: the file can't be opened.
    """
    return read_provenance(path).kspace_origin == "magnitude"


def _read_text(attributes: Mapping[str, Any], key: str) -> str:
    value = attributes.get(key, "")
    return str(value) if isinstance(value, str | np.integer) else ""


def _read_number(attributes: Mapping[str, Any], key: str) -> float | None:
    value = np.asarray(attributes.get(key))
    is_number = value.size == 1 and value.dtype.kind in "fiu" and np.isfinite(value).all()
    return float(value.item()) if is_number else None


def _read_spacing(attributes: Mapping[str, Any]) -> tuple[float, float, float] | None:
    value = np.asarray(attributes.get("voxel_mm"))
    if value.shape != (3,) or value.dtype.kind not in "fiu" or not (value > 0).all():
        return None
    through, down, right = (float(x) for x in value)
    return through, down, right


def _read_affine(attributes: Mapping[str, Any]) -> Affine | None:
    value = np.asarray(attributes.get("affine"))
    if value.shape != (4, 4) or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        return None
    rows = value.astype(np.float64)
    is_affine = (rows[3] == [0, 0, 0, 1]).all() and np.linalg.det(rows[:3, :3]) != 0
    return tuple(tuple(map(float, row)) for row in rows) if is_affine else None
