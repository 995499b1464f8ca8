"""A folder of DICOM files, as an image archive exports it: one volume for each wanted series."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.prepare.contrast import ContrastRule, keep_wanted
from flmrcm.prepare.dicom_fields import (
    read_acquisition,
    read_allowed_attributes,
    read_fields,
    silence_pydicom,
)
from flmrcm.prepare.dicom_frames import Frame, list_frames
from flmrcm.prepare.dicom_pixels import VALUES, read_pixels
from flmrcm.prepare.dicom_sequence import check_sequence, read_sequence
from flmrcm.prepare.dicom_series import (
    DicomHeader,
    DicomSeries,
    SkippedSeries,
    drop_unwanted_images,
    group_by_series,
    list_headers,
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
    and localiser images are left out, and series whose contrast isn't certain. Of a header only the
    fields of `dicom_fields.read_allowed_attributes` are written; descriptions aren't even printed.

    Args:
        input: a folder, or a pattern with `*` and `**`.
        contrast_patterns: contrast → regular expression that is searched in SeriesDescription and
            ProtocolName, ignoring case, before `contrast.classify_names` reads them; see
            `ContrastRule`.
        contrasts: the contrasts to use; None uses all.
        plane: axial | coronal | sagittal: plane of the slices.
        subject_field: PatientID | StudyInstanceUID: the field that identifies a subject.
        frame: number of the echo or time point to use, from 0; None if there is only one.
        keep_derived: whether to use images whose ImageType is DERIVED.
        check_header: whether a header that contradicts the name leaves a series out, and a contrast
            agent in it makes a T1 a T1ce.
        values: rescaled | real_world: which slope and intercept give the values.

    Raises:
        ConfigErrors: an unknown field or plane, a contrast without a pattern, a broken pattern.
    """

    input: str
    contrast_patterns: Mapping[str, str] = field(default_factory=dict[str, str])
    contrasts: Sequence[str] | None = None
    plane: str = "axial"
    subject_field: str = "PatientID"
    frame: int | None = None
    keep_derived: bool = False
    check_header: bool = True
    values: str = "rescaled"

    def __post_init__(self) -> None:
        problems = check_choice("subject_field", self.subject_field, SUBJECT_FIELDS)
        problems += check_choice("plane", self.plane, tuple(PLANES))
        problems += check_choice("values", self.values, tuple(VALUES))
        problems += find_contrast_problems(self.contrasts, self._rule.contrasts)
        problems += self._rule.find_problems()
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
                frame
                for path, header in headers.items()
                for frame in _list_frames(path, header, self.keep_derived)
            ]
        stack = stack_frames(frames, self.frame)
        first = headers[stack[0].path]
        oriented = reorient(read_pixels(stack, self.values), compute_affine(stack), self.plane)
        return Scan(
            oriented.image,
            oriented.voxel_mm,
            native_orientation=oriented.native_orientation,
            native_shape=(len(stack), *stack[0].matrix),
            kspace_origin="magnitude",
            orientation=oriented.orientation,
            acquisition=read_acquisition(first),
            attributes=read_allowed_attributes(first, stack[0].index),
            affine=oriented.affine,
        )

    def _find_volume(self, series: DicomSeries) -> FoundVolume:
        images = drop_unwanted_images(series, self.keep_derived)
        first = images[0]
        contrast = self._find_contrast(first)
        subject = first.patient if self.subject_field == "PatientID" else first.study
        if not subject:
            other = next(field for field in SUBJECT_FIELDS if field != self.subject_field)
            raise UnusableVolume(f"no {self.subject_field}; try subject_field={other}")
        paths = tuple(header.path for header in images)
        return FoundVolume(subject, contrast, paths, scan=first.series)

    @property
    def _rule(self) -> ContrastRule:
        return ContrastRule(self.contrast_patterns)

    def _find_contrast(self, first: DicomHeader) -> str:
        """Return the contrast of a series from its first image."""
        verdict = self._rule.classify(*first.names)
        if verdict.contrast and self.check_header:
            # the listing holds no functional groups, in which enhanced files store echo times
            with silence_pydicom():
                verdict = check_sequence(verdict, read_sequence(read_fields(first.path)))
        verdict = keep_wanted(verdict, self.contrasts)
        if not verdict.contrast:
            raise SkippedSeries(verdict.reason)
        return verdict.contrast


def _list_frames(path: Path, header: Dataset, keep_derived: bool) -> list[Frame]:
    """Return the frames of a file; an error names the file."""
    try:
        return list_frames(path, header, keep_derived)
    except UnusableVolume as problem:
        raise UnusableVolume(f"{path.name}: {problem}") from None
