"""The sizes in millimetres of CMRxRecon's scans, from the table that lies beside most of them.

`cine_sax_info.csv` has rows such as `FOVx(mm),340`. No voxel size is in it, and its field of view
along the readout means two things: with most scanners that of the image, with some that of the
whole readout, twice as wide. Which one it is stands nowhere; what is known was found by others in
the images (docs/data-sets.md), so the user's list of scanners decides.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flmrcm.errors import DataLayoutError

_ATTRIBUTES = {
    "FieldStrength": "field_strength_t",
    "TR": "repetition_time_ms",
    "TE": "echo_time_ms",
    "TI": "inversion_time_ms",
    "FlipAngle": "flip_angle_deg",
}
"""Row of the table → attribute. Nothing else of it is written."""


@dataclass(frozen=True)
class SizeRule:
    """What the user says of the sizes.

    Attributes:
        voxel_mm: spacing of slices, rows and columns as they are stored, mm; None asks the table.
        slice_mm: thickness of a slice where the table leaves it empty, mm.
        oversampling: how many times the readout is longer than the image; None asks the table.
        oversampled_fov: beginnings of the names of scanners whose tables give the field of view of
            the whole readout.
    """

    voxel_mm: Sequence[float] | None
    slice_mm: float | None
    oversampling: float | None
    oversampled_fov: Sequence[str]


@dataclass(frozen=True)
class ScanSize:
    """The sizes of a stored k-space.

    Attributes:
        voxel_mm: spacing of slices, rows (readout) and columns (phase), mm.
        oversampling: how many times the readout is longer than the image.
        attributes: scan parameters of the table.
    """

    voxel_mm: tuple[float, float, float]
    oversampling: float
    attributes: Mapping[str, float]


def read_size(path: Path, scanner: str, matrix: tuple[int, int], rule: SizeRule) -> ScanSize:
    """Return the sizes of a file.

    Args:
        path: the file; its table is beside it, or in `ImgSnapshot` instead of `FullSample`.
        scanner: name of the scanner's folder; empty if unknown.
        matrix: number of rows (readout) and columns (phase).
        rule: what the user says of them.

    Raises:
        DataLayoutError: a size is unknown or can't be right; the message says how to give it.
    """
    table = _read_table(path)
    values = {key: value for key, text in table.items() if (value := _to_number(text))}
    attributes = {name: values[key] for key, name in _ATTRIBUTES.items() if key in values}
    oversampling = rule.oversampling or values.get("ReadOutOversample")
    if rule.voxel_mm:
        through, down, across = map(float, rule.voxel_mm)
        return ScanSize((through, down, across), oversampling or 1.0, attributes)
    missing = [key for key in ("FOVx", "FOVy") if key not in values]
    if missing or not oversampling:
        raise DataLayoutError(
            f"{path}: no {path.stem}_info.csv with FOVx, FOVy and ReadOutOversample; give "
            "voxel_mm=[8,1.5,1.5], of slices, kx and ky as they are stored, and oversampling=2."
        )
    through = values.get("SliceThickness") or rule.slice_mm
    if not through:
        raise DataLayoutError(f"{path}: its table has no SliceThickness; give slice_mm=8.")
    shown = 1.0 if scanner.startswith(tuple(rule.oversampled_fov)) else oversampling
    voxel = through, values["FOVx"] * shown / matrix[0], values["FOVy"] / matrix[1]
    return ScanSize(voxel, oversampling, attributes)


def _read_table(path: Path) -> dict[str, str]:
    """Return the rows of a file's table without units; empty if there is none."""
    name = f"{path.stem}_info.csv"
    elsewhere = [
        "ImgSnapshot" if part.startswith("FullSample") else part for part in path.parent.parts
    ]
    for place in (path.parent / name, Path(*elsewhere) / name):
        if place.is_file():
            with place.open(newline="", errors="replace") as file:
                rows = [row for row in csv.reader(file) if row]
            # several values, such as all inversion times, are no number
            return {
                re.sub(r"\(.*", "", key).strip(): ",".join(filter(None, map(str.strip, values)))
                for key, *values in rows
            }
    return {}


def _to_number(text: str) -> float | None:
    """Return a number above 0, else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
