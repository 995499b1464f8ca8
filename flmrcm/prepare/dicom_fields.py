"""The few DICOM fields that are read at all, wherever a file keeps them."""

import logging
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue

from flmrcm.prepare.scan import UnusableVolume

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
}
"""Where enhanced multi-frame files keep a field, for each frame or for all of them."""

_NUMBERS = {
    "field_strength_t": ("MagneticFieldStrength",),
    "repetition_time_ms": ("RepetitionTime",),
    "echo_time_ms": ("EchoTime", "EffectiveEchoTime"),
    "inversion_time_ms": ("InversionTime", "InversionTimes"),
    "flip_angle_deg": ("FlipAngle",),
}
_SEQUENCES = ("SE", "IR", "GR", "EP", "RM")
"""DICOM's own codes; any other word in that field may be somebody's name."""

_MANUFACTURERS = ("siemens", "philips", "ge", "canon", "toshiba", "hitachi", "bruker", "uih")


@contextmanager
def silence_pydicom() -> Generator[None]:
    """Keeps pydicom's remarks on odd values off the terminal: they may quote a name."""
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
    """Reads a file's header without its pixels.

    Args:
        path: a DICOM file.
        keywords: the only fields to read; None reads all.

    Raises:
        Skipped: no DICOM file, or cut off before its pixels.
    """
    tags = None if keywords is None else list(keywords)
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    except InvalidDicomError:
        raise UnusableVolume(f"{path}: not a DICOM file (no 'DICM' mark)") from None
    except (OSError, EOFError, ValueError, KeyError, NotImplementedError) as error:
        raise UnusableVolume(f"{path}: can't be read ({_get_first_line(error)})") from None


def get_field(dataset: pydicom.Dataset, keyword: str, frame: int = 0) -> Any:
    """Gives a field's value, None where it's missing, empty or unreadable.

    Enhanced multi-frame files keep it with the frame or with what all frames share; classic files,
    and some enhanced ones, at the top.

    Args:
        dataset: a header.
        keyword: DICOM's, such as `PixelSpacing`.
        frame: index in the file.
    """
    group = _FUNCTIONAL_GROUPS.get(keyword)
    places = [*_get_functional_groups(dataset, group, frame), dataset] if group else [dataset]
    try:
        values = (place.get(keyword) for place in places)
        return next((value for value in values if value not in (None, "")), None)
    except (ValueError, TypeError, OverflowError):
        return None


def get_number(dataset: pydicom.Dataset, keyword: str, frame: int = 0) -> float | None:
    """Gives a field as one number (the first of several), None where it isn't one."""
    value = get_field(dataset, keyword, frame)
    try:
        return float(next(iter(value)) if isinstance(value, list | MultiValue) else value)
    except (TypeError, ValueError, StopIteration):
        return None


def get_text(dataset: pydicom.Dataset, keyword: str) -> str:
    """Gives a field as one line of text, empty where it's missing."""
    return " ".join(str(get_field(dataset, keyword) or "").split())


def get_words(dataset: pydicom.Dataset, keyword: str) -> tuple[str, ...]:
    """Gives a field of several words in capitals, such as `("ORIGINAL", "PRIMARY")`."""
    value = get_field(dataset, keyword) or ()
    return tuple(str(word).upper() for word in ([value] if isinstance(value, str) else value))


def read_allowed_attributes(dataset: pydicom.Dataset) -> dict[str, Any]:
    """Gives what may be written of a header: numbers of the protocol and the maker's known name.

    This is the whole allow-list. Free text, dates, ids and private fields never pass.
    """
    found = {
        name: next((n for k in keywords if (n := get_number(dataset, k)) is not None), None)
        for name, keywords in _NUMBERS.items()
    }
    attributes: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    first = get_text(dataset, "Manufacturer").lower().split(" ")[0]
    return attributes | ({"manufacturer": first} if first in _MANUFACTURERS else {})


def read_acquisition(dataset: pydicom.Dataset) -> str:
    """Gives the kind of sequence in DICOM's own codes, such as `GR+IR`; empty where unknown."""
    return "+".join(w for w in get_words(dataset, "ScanningSequence") if w in _SEQUENCES)


def _get_functional_groups(
    dataset: pydicom.Dataset, name: str, frame: int
) -> list[pydicom.Dataset]:
    """Gives the functional groups of a name: the frame's own, then the shared."""
    own = list(dataset.get("PerFrameFunctionalGroupsSequence", []))[frame : frame + 1]
    shared = list(dataset.get("SharedFunctionalGroupsSequence", []))
    return [item for outer in own + shared for item in outer.get(name) or []]


def _get_first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
