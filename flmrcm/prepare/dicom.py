"""A folder of DICOM files, as an archive exports it: one volume for each wanted series."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.prepare.dicom_fields import (
    read_acquisition,
    read_allowed_attributes,
    read_fields,
    silence_pydicom,
)
from flmrcm.prepare.dicom_frames import Frame, list_frames
from flmrcm.prepare.dicom_pixels import read_pixels
from flmrcm.prepare.dicom_series import (
    DicomHeader,
    DicomSeries,
    SkippedSeries,
    drop_unwanted_images,
    group_by_series,
    list_headers,
    match_contrast,
    merge_skipped,
)
from flmrcm.prepare.dicom_stack import compute_affine, stack_frames
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.orientation import PLANES, reorient
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

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
        problems = check_choice("subject_field", self.subject_field, SUBJECT_FIELDS)
        problems += check_choice("plane", self.plane, tuple(PLANES))
        problems += find_contrast_problems(self.contrasts, self.contrast_patterns)
        for name, pattern in self.contrast_patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                line = f"contrast_patterns.{name}={pattern}: not a regular expression ({error})."
                problems.append(line)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Gives the wanted series, sorted by patient; logs what was left alone, and why.

        Raises:
            DataLayoutError: no such folder, or nothing in it.
        """
        headers: list[DicomHeader] = []
        for listed in list_headers(list_files(self.input, ("",))[1]):
            if isinstance(listed, UnusableVolume):
                yield listed
            else:
                headers.append(listed)
        unused: dict[UnusableVolume, DicomSeries] = {}
        for series in group_by_series(headers):
            try:
                yield self._find_volume(series)
            except UnusableVolume as skipped:
                unused[skipped] = series
        for skipped in merge_skipped(unused):
            if isinstance(skipped, SkippedSeries):
                log.info("left alone: %s", skipped)
            else:
                yield skipped

    def read(self, found: FoundVolume) -> Scan:
        """Reads one series.

        Raises:
            Skipped: it doesn't make one even volume, or a file can't be read.
        """
        with silence_pydicom():
            headers = {path: read_fields(path) for path in found.paths}
            frames = [
                frame for path, header in headers.items() for frame in _list_frames(path, header)
            ]
        volume = stack_frames(frames, self.frame)
        first = headers[volume[0].path]
        oriented = reorient(read_pixels(volume), compute_affine(volume), self.plane)
        return Scan(
            oriented.image,
            oriented.voxel_mm,
            native_orientation=oriented.native_orientation,
            native_shape=(len(volume), *volume[0].matrix),
            kspace_origin="magnitude",
            orientation=oriented.orientation,
            acquisition=read_acquisition(first),
            attributes=read_allowed_attributes(first),
        )

    def _find_volume(self, series: DicomSeries) -> FoundVolume:
        images = drop_unwanted_images(series, self.keep_derived)
        name, first = match_contrast(images, self.contrast_patterns), images[0]
        subject = first.patient if self.subject_field == "PatientID" else first.study
        if not subject:
            other = next(field for field in SUBJECT_FIELDS if field != self.subject_field)
            raise UnusableVolume(f"no {self.subject_field}; try subject_field={other}")
        if self.contrasts is not None and name not in self.contrasts:
            raise SkippedSeries("of no wanted contrast")
        paths = tuple(header.path for header in images)
        return FoundVolume(subject, name, paths, scan=first.series)


def _list_frames(path: Path, header: Dataset) -> list[Frame]:
    try:
        return list_frames(path, header)
    except UnusableVolume as skipped:
        raise UnusableVolume(f"{path.name}: {skipped}") from None
