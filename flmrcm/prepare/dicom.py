"""A folder of DICOM files, as an image archive exports it: one volume for each wanted series."""

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
    """MR series below a folder, whatever the names of files and folders.

    Files with one SeriesInstanceUID are a series; its slices are sorted by position. Derived, phase
    and localiser images are left out. Of a header only the fields of
    `dicom_fields.read_allowed_attributes` are written; descriptions aren't even printed.

    Args:
        input: a folder, or a pattern with `*` and `**`.
        contrast_patterns: contrast → regular expression that is searched in SeriesDescription and
            ProtocolName, ignoring case. The first match gives the contrast of a series; a series
            without match isn't used.
        contrasts: the contrasts to use; None uses all.
        plane: axial | coronal | sagittal: plane of the slices.
        subject_field: PatientID | StudyInstanceUID: the field that identifies a subject.
        frame: number of the echo or time point to use, from 0; None if there is only one.
        keep_derived: whether to use images whose ImageType is DERIVED.

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
        """Yield the wanted series, sorted by patient; log the others with the reason.

        Raises:
            DataLayoutError: no such folder, or it is empty.
        """
        headers: list[DicomHeader] = []
        for item in list_headers(list_files(self.input, ("",))[1]):
            if isinstance(item, UnusableVolume):
                yield item
            else:
                headers.append(item)
        unused: dict[UnusableVolume, DicomSeries] = {}
        for series in group_by_series(headers):
            try:
                yield self._find_volume(series)
            except UnusableVolume as problem:
                unused[problem] = series
        for problem in merge_skipped(unused):
            if isinstance(problem, SkippedSeries):
                log.info("not used: %s", problem)
            else:
                yield problem

    def read(self, volume: FoundVolume) -> Scan:
        """Return the scan of one series.

        Raises:
            UnusableVolume: its slices don't form one even volume, or a file can't be read.
        """
        with silence_pydicom():
            headers = {path: read_fields(path) for path in volume.paths}
            frames = [
                frame for path, header in headers.items() for frame in _list_frames(path, header)
            ]
        stack = stack_frames(frames, self.frame)
        first = headers[stack[0].path]
        oriented = reorient(read_pixels(stack), compute_affine(stack), self.plane)
        return Scan(
            oriented.image,
            oriented.voxel_mm,
            native_orientation=oriented.native_orientation,
            native_shape=(len(stack), *stack[0].matrix),
            kspace_origin="magnitude",
            orientation=oriented.orientation,
            acquisition=read_acquisition(first),
            attributes=read_allowed_attributes(first),
        )

    def _find_volume(self, series: DicomSeries) -> FoundVolume:
        images = drop_unwanted_images(series, self.keep_derived)
        contrast, first = match_contrast(images, self.contrast_patterns), images[0]
        subject = first.patient if self.subject_field == "PatientID" else first.study
        if not subject:
            other = next(field for field in SUBJECT_FIELDS if field != self.subject_field)
            raise UnusableVolume(f"no {self.subject_field}; try subject_field={other}")
        if self.contrasts is not None and contrast not in self.contrasts:
            raise SkippedSeries("another contrast than those in contrasts")
        paths = tuple(header.path for header in images)
        return FoundVolume(subject, contrast, paths, scan=first.series)


def _list_frames(path: Path, header: Dataset) -> list[Frame]:
    """Return the frames of a file; an error names the file."""
    try:
        return list_frames(path, header)
    except UnusableVolume as problem:
        raise UnusableVolume(f"{path.name}: {problem}") from None
