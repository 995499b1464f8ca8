"""The series in a folder of DICOM files, and the choice of those that become volumes."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydicom.uid import (
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from flmrcm.prepare.dicom_fields import get_text, get_words, read_fields, silence_pydicom
from flmrcm.prepare.dicom_frames import is_magnitude
from flmrcm.prepare.scan import UnusableVolume

_LISTING_FIELDS = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber",
    "StudyInstanceUID", "PatientID", "SeriesDescription", "ProtocolName",
)  # fmt: skip
_MR_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, "")
"""An anonymisation program may have emptied the field; then Modality decides."""

_DICOM_SUFFIXES = ("", ".dcm", ".dicom", ".ima")
_LOCALISER = re.compile(
    r"(?<![a-z])(loc|locali[sz]ers?|scout|survey|pilot|smartbrain|3.?plane)(?![a-z])"
)
_MOST_SHOWN = 5


class SkippedSeries(UnusableVolume):
    """A series that isn't meant to become a volume: it is logged, but it is no error."""


class DicomHeader(NamedTuple):
    """The fields of one file that decide about its use; kept in memory only, never written.

    Attributes:
        path: the file.
        series: SeriesInstanceUID.
        instance: SOPInstanceUID, which identifies the image.
        number: SeriesNumber.
        study: StudyInstanceUID.
        patient: PatientID.
        modality: Modality, `MR` for magnetic resonance.
        kind: SOPClassUID.
        image_type: the words of ImageType.
        names: SeriesDescription and ProtocolName.
    """

    path: Path
    series: str
    instance: str
    number: str
    study: str
    patient: str
    modality: str
    kind: str
    image_type: tuple[str, ...]
    names: tuple[str, str]


DicomSeries = tuple[DicomHeader, ...]
"""The files of one SeriesInstanceUID, at least one, in the order of the files, each image once."""


def list_headers(files: Iterable[Path]) -> Iterator[DicomHeader | UnusableVolume]:
    """Yield the header of every DICOM file, or an `UnusableVolume` if it can't be read.

    A file without a DICOM name that is no DICOM file, such as a viewer, is ignored.
    """
    with silence_pydicom():
        for path in files:
            if path.name.upper() == "DICOMDIR":
                continue
            try:
                yield _read_listing(path)
            except UnusableVolume as problem:
                # archives often name files by numbers: IM.0001
                if path.suffix.lower() in _DICOM_SUFFIXES or path.suffix[1:].isdigit():
                    yield problem


def group_by_series(headers: Iterable[DicomHeader]) -> list[DicomSeries]:
    """Return the files of each series, sorted by patient, study and series; copies count once."""
    series: dict[tuple[str, str, str], dict[str, DicomHeader]] = {}
    for header in headers:
        # with the patient: careless anonymisation may give two patients one UID
        key = header.patient, header.study, header.series
        series.setdefault(key, {}).setdefault(header.instance or str(header.path), header)
    return [tuple(series[key].values()) for key in sorted(series)]


def drop_unwanted_images(series: DicomSeries, keep_derived: bool) -> DicomSeries:
    """Return a series without its derived, phase and localiser images.

    Args:
        series: the files.
        keep_derived: whether derived images stay.

    Raises:
        SkippedSeries: no image is left; the message gives the most frequent reason.
    """
    reasons = [_explain_drop(header, keep_derived) for header in series]
    if all(reasons):
        raise SkippedSeries(Counter(reasons).most_common(1)[0][0])
    return tuple(header for header, reason in zip(series, reasons, strict=True) if not reason)


def merge_skipped(unused: Mapping[UnusableVolume, DicomSeries]) -> Iterator[UnusableVolume]:
    """Yield one error for all series with the same reason; an export may hold thousands."""
    groups: dict[tuple[type[UnusableVolume], str], list[DicomSeries]] = {}
    for problem, series in unused.items():
        groups.setdefault((type(problem), str(problem)), []).append(series)
    for (kind, reason), members in groups.items():
        files = sum(map(len, members))
        numbers = sorted({series[0].number for series in members}, key=lambda n: (len(n), n))
        first = ", ".join(number or "none" for number in numbers[:_MOST_SHOWN])
        more = ", …" if len(numbers) > _MOST_SHOWN else ""
        size = f"{len(members)} series, {files} file{'s' if files > 1 else ''}"
        yield kind(f"{size} (SeriesNumber {first}{more}): {reason}")


def _read_listing(path: Path) -> DicomHeader:
    dataset = read_fields(path, _LISTING_FIELDS)
    return DicomHeader(
        path,
        series=get_text(dataset, "SeriesInstanceUID"),
        instance=get_text(dataset, "SOPInstanceUID"),
        number=get_text(dataset, "SeriesNumber"),
        study=get_text(dataset, "StudyInstanceUID"),
        patient=get_text(dataset, "PatientID"),
        modality=get_text(dataset, "Modality"),
        kind=get_text(dataset, "SOPClassUID"),
        image_type=get_words(dataset, "ImageType"),
        names=(get_text(dataset, "SeriesDescription"), get_text(dataset, "ProtocolName")),
    )


def _explain_drop(header: DicomHeader, keep_derived: bool) -> str:
    """Return the reason why a file isn't an original magnitude image; empty if it is one."""
    if header.modality != "MR" or header.kind not in _MR_CLASSES:
        return "no MR images"
    if "LOCALIZER" in header.image_type or _LOCALISER.search(" ".join(header.names).lower()):
        return "localisers"
    if "VFRAME" in header.image_type:
        return "UIH's mosaics (VFRAME), which aren't separated; export one file for each slice"
    if header.image_type[:1] == ("DERIVED",) and not keep_derived:
        return "derived images; keep_derived=true uses them"
    if not is_magnitude(header.image_type[2:]):
        return "phase, real or imaginary images or maps, not magnitudes"
    return ""
