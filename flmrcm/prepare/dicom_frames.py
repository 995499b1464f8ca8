"""The position of each slice of a DICOM file in the patient: classic, enhanced, Siemens mosaic."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from flmrcm.prepare.dicom_fields import get_field, get_number, get_words
from flmrcm.prepare.scan import UnusableVolume

_TIME_FIELDS = (
    "EchoTime", "EffectiveEchoTime", "TemporalPositionIdentifier", "TemporalPositionIndex",
    "AcquisitionNumber", "InstanceNumber",
)  # fmt: skip

_NOT_MAGNITUDE = {"P", "PHASE", "R", "REAL", "I", "IMAGINARY", "VELOCITY"}


@dataclass(frozen=True)
class Frame:
    """One slice, before its pixels are read; vectors are in DICOM's patient coordinates, (3,).

    Attributes:
        path: the file.
        index: number of the slice in the file, from 0.
        matrix: number of rows and of columns.
        pixel_mm: distance between rows and between columns.
        along_columns: unit vector in the direction of increasing column index.
        along_rows: unit vector in the direction of increasing row index.
        position: centre of the first pixel, mm.
        thickness_mm: thickness of the slice, used only for a single slice; nan if unknown.
        order: echo time, time point, instance number, …: the order of frames at one position.
    """

    path: Path
    index: int
    matrix: tuple[int, int]
    pixel_mm: tuple[float, float]
    along_columns: NDArray[np.float64]
    along_rows: NDArray[np.float64]
    position: NDArray[np.float64]
    thickness_mm: float
    order: tuple[float, ...]

    @property
    def height_mm(self) -> float:
        """Position along the normal of the slices, mm."""
        return float(self.position @ np.cross(self.along_columns, self.along_rows))


def list_frames(path: Path, dataset: pydicom.Dataset, keep_derived: bool = False) -> list[Frame]:
    """Return the slices of one file: one of a classic file, many of an enhanced file or a mosaic.

    Of an enhanced file, whose frames may be of several kinds, original magnitudes are returned: a
    phase or a field map beside them is no further echo.

    Args:
        path: the file.
        dataset: its header.
        keep_derived: whether derived frames stay.

    Raises:
        UnusableVolume: a position is missing, or the number of slices in a mosaic; no frame is an
            original magnitude.
    """
    if is_mosaic(dataset):
        return _make_mosaic_frames(path, dataset)
    count = int(get_number(dataset, "NumberOfFrames") or 1)
    wanted = [n for n in range(count) if _is_magnitude(dataset, n, keep_derived)]
    if not wanted:
        raise UnusableVolume("none of its frames is an original magnitude")
    return [_make_frame(path, dataset, index) for index in wanted]


def _is_magnitude(dataset: pydicom.Dataset, index: int, keep_derived: bool) -> bool:
    """Return what a frame's own type says; classic files have none, their ImageType was read."""
    words = get_words(dataset, "FrameType", index)
    component = get_words(dataset, "ComplexImageComponent", index)
    is_derived = words[:1] == ("DERIVED",)
    return (keep_derived or not is_derived) and is_magnitude((*words[2:], *component))


def is_magnitude(words: Iterable[str]) -> bool:
    """Return whether none of the words of an ImageType or FrameType names phases or maps."""
    return not any(word in _NOT_MAGNITUDE or "MAP" in word for word in words)


def is_mosaic(dataset: pydicom.Dataset) -> bool:
    """Return whether one image shows all slices side by side, as Siemens scanners write them."""
    return "MOSAIC" in get_words(dataset, "ImageType")


def wrap_mosaic(dataset: pydicom.Dataset) -> Any:
    """Return nibabel's reader of a Siemens mosaic.

    Raises:
        UnusableVolume: the private header of Siemens is missing or unreadable.
    """
    with warnings.catch_warnings():
        # nibabel.nicom warns that it is experimental, except for Siemens files
        warnings.simplefilter("ignore")
        from nibabel.nicom.dicomwrappers import WrapperError, wrapper_from_data

        try:
            wrapper = wrapper_from_data(dataset)
        except (WrapperError, ValueError, KeyError, AttributeError, TypeError):
            wrapper = None
        if wrapper is None or not wrapper.is_mosaic:
            raise UnusableVolume(
                "a mosaic without Siemens' private header, so its slices can't be separated; "
                "export it with private fields"
            )
    return wrapper


def _make_frame(path: Path, dataset: pydicom.Dataset, index: int) -> Frame:
    directions = _read_vector(dataset, "ImageOrientationPatient", index, 6)
    spacing = _read_vector(dataset, "PixelSpacing", index, 2)
    return Frame(
        path,
        index,
        matrix=(int(get_number(dataset, "Rows") or 0), int(get_number(dataset, "Columns") or 0)),
        pixel_mm=(float(spacing[0]), float(spacing[1])),
        along_columns=directions[:3],
        along_rows=directions[3:],
        position=_read_vector(dataset, "ImagePositionPatient", index, 3),
        thickness_mm=get_number(dataset, "SliceThickness", index) or np.nan,
        order=tuple(get_number(dataset, keyword, index) or 0.0 for keyword in _TIME_FIELDS),
    )


def _make_mosaic_frames(path: Path, dataset: pydicom.Dataset) -> list[Frame]:
    wrapper = wrap_mosaic(dataset)
    rows, columns, count = wrapper.image_shape
    steps = [wrapper.affine[:3, axis] for axis in range(3)]
    row_mm, column_mm, slice_mm = (float(np.linalg.norm(step)) for step in steps)
    order = tuple(get_number(dataset, keyword) or 0.0 for keyword in _TIME_FIELDS)
    return [
        Frame(
            path,
            index,
            matrix=(int(rows), int(columns)),
            pixel_mm=(row_mm, column_mm),
            along_columns=steps[1] / column_mm,
            along_rows=steps[0] / row_mm,
            position=wrapper.affine[:3, 3] + index * steps[2],
            thickness_mm=slice_mm,
            order=order,
        )
        for index in range(count)
    ]


def _read_vector(
    dataset: pydicom.Dataset, keyword: str, frame: int, size: int
) -> NDArray[np.float64]:
    """Return a field as a vector, (size,)."""
    try:
        vector = np.array(get_field(dataset, keyword, frame), np.float64)
    except (TypeError, ValueError):
        vector = np.empty(0)
    if vector.shape != (size,) or not np.isfinite(vector).all():
        raise UnusableVolume(f"an image without {keyword}, so its position is unknown")
    return vector
