"""A folder of DICOM files, as an archive exports it: one volume for each wanted series."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from flmrcm.data.prepare.dicom_fields import acquisition, allowed_attributes, quiet, read_fields
from flmrcm.data.prepare.dicom_frames import Frame, frames_of
from flmrcm.data.prepare.dicom_pixels import read_pixels
from flmrcm.data.prepare.dicom_series import (
    Header,
    LeftAlone,
    Series,
    contrast,
    group,
    list_headers,
    told_together,
    wanted,
)
from flmrcm.data.prepare.dicom_stack import affine, stack
from flmrcm.data.prepare.orientation import PLANES, reorient
from flmrcm.data.prepare.scan import Found, Scan, Skipped
from flmrcm.data.prepare.tree import files_of, refuse_unknown_contrasts
from flmrcm.errors import ConfigErrors, one_of

log = logging.getLogger(__name__)

SUBJECT_FIELDS = ("PatientID", "StudyInstanceUID")


@dataclass(frozen=True)
class DicomSource:
    """MR series below a folder, whatever its files and folders are called.

    Series are told apart by SeriesInstanceUID, slices put in order by where they lie. Derived,
    phase and localiser images are left out. Nothing of a header passes but the allow-list of
    `dicom_fields.allowed_attributes`; descriptions aren't even shown.

    Args:
        input: a folder, or a pattern with `*` and `**`.
        contrast_patterns: contrast → regular expression, looked for in SeriesDescription and
            ProtocolName, upper and lower case alike; the first that fits is the contrast, and
            series that none fits are left alone.
        contrasts: some of them; None takes all.
        plane: axial | coronal | sagittal.
        subject_field: PatientID | StudyInstanceUID: what tells subjects apart.
        frame: which of several echoes or time points, from 0; None where there's one.
        keep_derived: also take what ImageType calls DERIVED.

    Raises:
        ConfigErrors: an unknown field or plane, a contrast without a pattern, a broken pattern.
    """

    input: str
    contrast_patterns: Mapping[str, str]
    contrasts: Sequence[str] | None = None
    plane: str = "axial"
    subject_field: str = "PatientID"
    frame: int | None = None
    keep_derived: bool = False

    def __post_init__(self) -> None:
        problems = one_of("subject_field", self.subject_field, SUBJECT_FIELDS)
        problems += one_of("plane", self.plane, tuple(PLANES))
        problems += refuse_unknown_contrasts(self.contrasts, self.contrast_patterns)
        for name, pattern in self.contrast_patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                line = f"contrast_patterns.{name}={pattern}: not a regular expression ({error})."
                problems.append(line)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[Found | Skipped]:
        """Gives the wanted series, sorted by patient; logs what was left alone, and why.

        Raises:
            DataLayoutError: no such folder, or nothing in it.
        """
        headers: list[Header] = []
        for listed in list_headers(files_of(self.input, ("",))[1]):
            if isinstance(listed, Skipped):
                yield listed
            else:
                headers.append(listed)
        unused: dict[Skipped, Series] = {}
        for series in group(headers):
            try:
                yield self._found(series)
            except Skipped as skipped:
                unused[skipped] = series
        for skipped in told_together(unused):
            if isinstance(skipped, LeftAlone):
                log.info("left alone: %s", skipped)
            else:
                yield skipped

    def read(self, found: Found) -> Scan:
        """Reads one series.

        Raises:
            Skipped: it doesn't make one even volume, or a file can't be read.
        """
        with quiet():
            headers = {path: read_fields(path) for path in found.paths}
            frames = [frame for path, header in headers.items() for frame in _placed(path, header)]
        volume = stack(frames, self.frame)
        first = headers[volume[0].path]
        oriented = reorient(read_pixels(volume), affine(volume), self.plane)
        return Scan(
            oriented.image,
            oriented.voxel_mm,
            native_orientation=oriented.native_orientation,
            native_shape=(len(volume), *volume[0].matrix),
            kspace_origin="magnitude",
            orientation=oriented.orientation,
            acquisition=acquisition(first),
            attributes=allowed_attributes(first),
        )

    def _found(self, series: Series) -> Found:
        images = wanted(series, self.keep_derived)
        name, first = contrast(images, self.contrast_patterns), images[0]
        subject = first.patient if self.subject_field == "PatientID" else first.study
        if not subject:
            other = next(field for field in SUBJECT_FIELDS if field != self.subject_field)
            raise Skipped(f"no {self.subject_field}; try subject_field={other}")
        if self.contrasts is not None and name not in self.contrasts:
            raise LeftAlone("of no wanted contrast")
        paths = tuple(header.path for header in images)
        return Found(subject, name, paths, scan=first.series)


def _placed(path: Path, header: Dataset) -> list[Frame]:
    try:
        return frames_of(path, header)
    except Skipped as skipped:
        raise Skipped(f"{path.name}: {skipped}") from None
