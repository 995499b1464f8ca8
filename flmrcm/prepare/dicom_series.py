"""Which series a folder of DICOM files holds, and which of them are wanted."""

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
from flmrcm.prepare.scan import UnusableVolume

_LISTING_FIELDS = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber",
    "StudyInstanceUID", "PatientID", "SeriesDescription", "ProtocolName",
)  # fmt: skip
_MR_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, "")
"""An anonymiser may have emptied the field; then Modality decides."""

_DICOM_SUFFIXES = ("", ".dcm", ".dicom", ".ima")
_LOCALISER = re.compile(
    r"(?<![a-z])(loc|locali[sz]ers?|scout|survey|pilot|smartbrain|3.?plane)(?![a-z])"
)
_MOST_SHOWN = 5
_NOT_MAGNITUDE = {"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY"}


class SkippedSeries(UnusableVolume):
    """A series that isn't meant to become a volume: listed, but nobody's failure."""


class DicomHeader(NamedTuple):
    """What decides about one file; held in memory only, never written."""

    path: Path
    series: str
    instance: str
    number: str
    study: str
    patient: str
    modality: str
    kind: str
    image_type: tuple[str, ...]
    name: str


DicomSeries = tuple[DicomHeader, ...]
"""The files of one SeriesInstanceUID, in file order, each image once; at least one."""


def list_headers(files: Iterable[Path]) -> Iterator[DicomHeader | UnusableVolume]:
    """Reads the listing fields of every DICOM file.

    What isn't named like a DICOM file and isn't one (a viewer, a read-me) is passed over.
    """
    with silence_pydicom():
        for path in files:
            if path.name.upper() == "DICOMDIR":
                continue
            try:
                yield _read_listing(path)
            except UnusableVolume as skipped:
                if path.suffix.lower() in _DICOM_SUFFIXES or path.suffix[1:].isdigit():
                    yield skipped


def group_by_series(headers: Iterable[DicomHeader]) -> list[DicomSeries]:
    """Gives the files of each SeriesInstanceUID; a copied image counts once.

    Sorted by patient, study and series.
    """
    series: dict[tuple[str, str, str], dict[str, DicomHeader]] = {}
    for header in headers:
        key = header.patient, header.study, header.series
        series.setdefault(key, {}).setdefault(header.instance or str(header.path), header)
    return [tuple(series[key].values()) for key in sorted(series)]


def drop_unwanted_images(series: DicomSeries, keep_derived: bool) -> DicomSeries:
    """Gives a series without its derived, phase and localiser images.

    Raises:
        LeftAlone: nothing stays; says what it was.
    """
    reasons = [_explain_drop(header, keep_derived) for header in series]
    if all(reasons):
        raise SkippedSeries(Counter(reasons).most_common(1)[0][0])
    return tuple(header for header, reason in zip(series, reasons, strict=True) if not reason)


def match_contrast(series: DicomSeries, patterns: Mapping[str, str]) -> str:
    """Gives the first contrast whose pattern is found in the series' description or protocol name.

    Args:
        series: to name.
        patterns: contrast → regular expression, upper and lower case alike.

    Raises:
        LeftAlone: none fits. The description isn't shown: it may hold a name.
    """
    name = series[0].name
    for fitting, pattern in patterns.items():
        if re.search(pattern, name, re.IGNORECASE):
            return fitting
    raise SkippedSeries("none of contrast_patterns fits the description")


def merge_skipped(unused: Mapping[UnusableVolume, DicomSeries]) -> Iterator[UnusableVolume]:
    """Gives one line for all series of the same fate; a hospital's export holds thousands."""
    fates: dict[tuple[type[UnusableVolume], str], list[DicomSeries]] = {}
    for skipped, series in unused.items():
        fates.setdefault((type(skipped), str(skipped)), []).append(series)
    for (kind, reason), several in fates.items():
        files = sum(map(len, several))
        numbers = sorted({series[0].number for series in several}, key=lambda n: (len(n), n))
        shown = ", ".join(number or "none" for number in numbers[:_MOST_SHOWN])
        more = ", …" if len(numbers) > _MOST_SHOWN else ""
        size = f"{len(several)} series, {files} file{'s' if files > 1 else ''}"
        yield kind(f"{size} (SeriesNumber {shown}{more}): {reason}")


def _read_listing(path: Path) -> DicomHeader:
    dataset = read_fields(path, _LISTING_FIELDS)
    described = f"{get_text(dataset, 'SeriesDescription')} {get_text(dataset, 'ProtocolName')}"
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
        name=described.strip(),
    )


def _explain_drop(header: DicomHeader, keep_derived: bool) -> str:
    """Says why a file is no original magnitude image of a volume; empty where it is one."""
    if header.modality != "MR" or header.kind not in _MR_CLASSES:
        return "no MR images"
    if "LOCALIZER" in header.image_type or _LOCALISER.search(header.name.lower()):
        return "localisers"
    if header.image_type[:1] == ("DERIVED",) and not keep_derived:
        return "derived images; keep_derived=true takes them"
    if _NOT_MAGNITUDE.intersection(header.image_type[2:]):
        return "phase, real or imaginary images, no magnitude"
    return ""
