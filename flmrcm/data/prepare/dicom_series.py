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

from flmrcm.data.prepare.dicom_fields import quiet, read_fields, text, words
from flmrcm.data.prepare.scan import Skipped

_LISTED = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber",
    "StudyInstanceUID", "PatientID", "SeriesDescription", "ProtocolName",
)  # fmt: skip
_MR_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, "")
"""An anonymiser may have emptied the field; then Modality decides."""

_DICOM_SUFFIXES = ("", ".dcm", ".dicom", ".ima")
_LOCALISER = re.compile(
    r"(?<![a-z])(loc|locali[sz]ers?|scout|survey|pilot|smartbrain|3.?plane)(?![a-z])"
)
_SHOWN = 5
_NOT_MAGNITUDE = {"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY"}


class LeftAlone(Skipped):
    """A series that isn't meant to become a volume: listed, but nobody's failure."""


class Header(NamedTuple):
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


Series = tuple[Header, ...]
"""The files of one SeriesInstanceUID, in file order, each image once; at least one."""


def list_headers(files: Iterable[Path]) -> Iterator[Header | Skipped]:
    """Reads the listing fields of every DICOM file.

    What isn't named like a DICOM file and isn't one (a viewer, a read-me) is passed over.
    """
    with quiet():
        for path in files:
            if path.name.upper() == "DICOMDIR":
                continue
            try:
                yield _header(path)
            except Skipped as skipped:
                if path.suffix.lower() in _DICOM_SUFFIXES or path.suffix[1:].isdigit():
                    yield skipped


def group(headers: Iterable[Header]) -> list[Series]:
    """Gives the files of each SeriesInstanceUID; a copied image counts once.

    Sorted by patient, study and series.
    """
    series: dict[tuple[str, str, str], dict[str, Header]] = {}
    for header in headers:
        key = header.patient, header.study, header.series
        series.setdefault(key, {}).setdefault(header.instance or str(header.path), header)
    return [tuple(series[key].values()) for key in sorted(series)]


def wanted(series: Series, keep_derived: bool) -> Series:
    """Gives a series without its derived, phase and localiser images.

    Raises:
        LeftAlone: nothing stays; says what it was.
    """
    reasons = [_unfit(header, keep_derived) for header in series]
    if all(reasons):
        raise LeftAlone(Counter(reasons).most_common(1)[0][0])
    return tuple(header for header, reason in zip(series, reasons, strict=True) if not reason)


def contrast(series: Series, patterns: Mapping[str, str]) -> str:
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
    raise LeftAlone("none of contrast_patterns fits the description")


def told_together(unused: Mapping[Skipped, Series]) -> Iterator[Skipped]:
    """Gives one line for all series of the same fate; a hospital's export holds thousands."""
    fates: dict[tuple[type[Skipped], str], list[Series]] = {}
    for skipped, series in unused.items():
        fates.setdefault((type(skipped), str(skipped)), []).append(series)
    for (kind, reason), several in fates.items():
        files = sum(map(len, several))
        numbers = sorted({series[0].number for series in several}, key=lambda n: (len(n), n))
        shown = ", ".join(number or "none" for number in numbers[:_SHOWN])
        more = ", …" if len(numbers) > _SHOWN else ""
        size = f"{len(several)} series, {files} file{'s' if files > 1 else ''}"
        yield kind(f"{size} (SeriesNumber {shown}{more}): {reason}")


def _header(path: Path) -> Header:
    dataset = read_fields(path, _LISTED)
    described = f"{text(dataset, 'SeriesDescription')} {text(dataset, 'ProtocolName')}"
    return Header(
        path,
        series=text(dataset, "SeriesInstanceUID"),
        instance=text(dataset, "SOPInstanceUID"),
        number=text(dataset, "SeriesNumber"),
        study=text(dataset, "StudyInstanceUID"),
        patient=text(dataset, "PatientID"),
        modality=text(dataset, "Modality"),
        kind=text(dataset, "SOPClassUID"),
        image_type=words(dataset, "ImageType"),
        name=described.strip(),
    )


def _unfit(header: Header, keep_derived: bool) -> str:
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
