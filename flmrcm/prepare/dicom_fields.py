"""The few DICOM fields that are read at all, wherever a file stores them."""

import logging
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue

from flmrcm.prepare.scan import UnusableVolume, get_first_line

_FUNCTIONAL_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "FlipAngle": "MRTimingAndRelatedParametersSequence",
    "InversionTimes": "MRModifierSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "FrameType": "MRImageFrameTypeSequence",
    "ComplexImageComponent": "MRImageFrameTypeSequence",
    "AcquisitionContrast": "MRImageFrameTypeSequence",
    "RealWorldValueSlope": "RealWorldValueMappingSequence",
    "RealWorldValueIntercept": "RealWorldValueMappingSequence",
}
"""Field → group in which enhanced multi-frame files store it, per frame or for all frames."""

_NUMBERS = {
    "field_strength_t": ("MagneticFieldStrength",),
    "repetition_time_ms": ("RepetitionTime",),
    "echo_time_ms": ("EchoTime", "EffectiveEchoTime"),
    "inversion_time_ms": ("InversionTime", "InversionTimes"),
    "flip_angle_deg": ("FlipAngle",),
}
"""Attribute that may be written → DICOM fields that may hold it."""

_SEQUENCES = ("SE", "IR", "GR", "EP", "RM")
"""The codes of DICOM; any other word in that field may be somebody's name."""

_MANUFACTURERS = ("siemens", "philips", "ge", "canon", "toshiba", "hitachi", "bruker", "uih")


@contextmanager
def silence_pydicom() -> Generator[None]:
    """Suppress pydicom's warnings about odd values: they may quote the name of a patient."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)


def read_fields(path: Path, keywords: Iterable[str] | None = None) -> pydicom.Dataset:
    """Return the header of a file without its pixels.

    Args:
        path: a DICOM file.
        keywords: names of the fields to read; None reads all.

    Raises:
        UnusableVolume: not a DICOM file, or it ends before its pixels.
    """
    tags = None if keywords is None else list(keywords)
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    except InvalidDicomError:
        raise UnusableVolume(f"{path}: not a DICOM file (no 'DICM' mark)") from None
    except (OSError, EOFError, ValueError, KeyError, NotImplementedError) as error:
        raise UnusableVolume(f"{path}: can't be read ({get_first_line(error)})") from None


def get_field(dataset: pydicom.Dataset, keyword: str, frame: int = 0) -> Any:
    """Return the value of a field; None if it is missing, empty or unreadable.

    Enhanced multi-frame files store it with the frame or in a group for all frames; classic files
    and some enhanced ones store it at the top level.

    Args:
        dataset: a header.
        keyword: name of the field, such as `PixelSpacing`.
        frame: number of the frame in the file, from 0.
    """
    group = _FUNCTIONAL_GROUPS.get(keyword)
    places = [*_get_functional_groups(dataset, group, frame), dataset] if group else [dataset]
    try:
        values = (place.get(keyword) for place in places)
        return next((value for value in values if value not in (None, "")), None)
    except (ValueError, TypeError, OverflowError):
        return None


def get_number(dataset: pydicom.Dataset, keyword: str, frame: int = 0) -> float | None:
    """Return a field as one number, the first of several; None if it isn't a number."""
    value = get_field(dataset, keyword, frame)
    try:
        return float(next(iter(value)) if isinstance(value, list | MultiValue) else value)
    except (TypeError, ValueError, StopIteration):
        return None


def get_text(dataset: pydicom.Dataset, keyword: str) -> str:
    """Return a field as one line of text; empty if it is missing."""
    return " ".join(str(get_field(dataset, keyword) or "").split())


def get_words(dataset: pydicom.Dataset, keyword: str, frame: int = 0) -> tuple[str, ...]:
    """Return a field of several words in capitals, such as `("ORIGINAL", "PRIMARY")`."""
    value = get_field(dataset, keyword, frame) or ()
    # pydicom returns a single word as text, several words as a list
    return tuple(str(word).upper() for word in ([value] if isinstance(value, str) else value))


def read_allowed_attributes(dataset: pydicom.Dataset, frame: int = 0) -> dict[str, Any]:
    """Return the fields that may be written: numbers of the protocol and a known manufacturer.

    This is the whole allow-list: no free text, no date, no id and no private field is returned.

    Args:
        dataset: a header.
        frame: number of the frame in the file, from 0: echoes in one file have their own numbers.
    """
    numbers = {
        name: next((n for k in keywords if (n := get_number(dataset, k, frame)) is not None), None)
        for name, keywords in _NUMBERS.items()
    }
    attributes: dict[str, Any] = {key: value for key, value in numbers.items() if value is not None}
    first_word = get_text(dataset, "Manufacturer").lower().split(" ")[0]
    return attributes | ({"manufacturer": first_word} if first_word in _MANUFACTURERS else {})


def read_acquisition(dataset: pydicom.Dataset) -> str:
    """Return the kind of pulse sequence in codes of DICOM, such as `GR+IR`; empty if unknown."""
    return "+".join(w for w in get_words(dataset, "ScanningSequence") if w in _SEQUENCES)


def _get_functional_groups(
    dataset: pydicom.Dataset, name: str, frame: int
) -> list[pydicom.Dataset]:
    """Return the groups of a name: first the frame's own, then shared ones, then the file's."""
    # no copy of the list: a file may hold thousands of frames
    own = dataset.get("PerFrameFunctionalGroupsSequence", [])[frame : frame + 1]
    shared = dataset.get("SharedFunctionalGroupsSequence", [])
    return [item for outer in [*own, *shared, dataset] for item in outer.get(name) or []]
