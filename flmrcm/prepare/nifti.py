"""Any folder of NIfTI files, for example with BIDS names."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.nifti_file import read_nifti
from flmrcm.prepare.orientation import PLANES
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NiftiSource:
    """Files whose names hold subject and contrast.

    Args:
        input: a folder, a file, or a pattern with `*` and `**`.
        subject_pattern: regular expression that is searched in the path below `input`, from the
            first wildcard on; its first group, or else the whole match, is the subject.
        contrast_patterns: contrast → regular expression that is searched in the file's name; the
            first match gives the contrast, and files without match aren't used.
        contrasts: the contrasts to use; None uses all.
        scan_pattern: regular expression whose matches name a scan, if a subject has several scans
            of one contrast.
        plane: axial | coronal | sagittal: plane of the slices.
        frame: number of the frame to use of a 4-D file, from 0.
        orientation: directions of the axes, such as `RAS`, for files without them.

    Raises:
        ConfigErrors: a pattern that isn't a regular expression, an unknown contrast or plane.
    """

    input: str
    subject_pattern: str
    contrast_patterns: Mapping[str, str]
    contrasts: Sequence[str] | None = None
    scan_pattern: str | None = None
    plane: str = "axial"
    frame: int | None = None
    orientation: str | None = None

    def __post_init__(self) -> None:
        problems = check_choice("plane", self.plane, tuple(PLANES))
        patterns = {f"contrast_patterns.{name}": p for name, p in self.contrast_patterns.items()}
        patterns["subject_pattern"] = self.subject_pattern
        patterns["scan_pattern"] = self.scan_pattern or ""
        for key, pattern in patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                problems.append(f"{key}={pattern}: not a regular expression ({error}).")
        problems += find_contrast_problems(self.contrasts, self.contrast_patterns)
        letters = sorted(self.orientation or "RAS")
        if [sum(letter in pair for letter in letters) for pair in ("RL", "AP", "SI")] != [1, 1, 1]:
            problems.append(
                f"orientation={self.orientation}: give three letters such as RAS or LPI."
            )
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield every file of a wanted contrast, sorted by path.

        Raises:
            DataLayoutError: no such folder, no NIfTI file, or none of a wanted contrast.
        """
        root, files = list_files(self.input, (".nii", ".nii.gz"))
        wanted = [
            (file, c) for file in files if (c := self._match_contrast(file)) in self._contrasts
        ]
        if not wanted:
            raise DataLayoutError(
                f"input={self.input}: none of {len(files)} NIfTI files has a name that matches "
                f"{', '.join(self._contrasts)}; one name is '{files[0].name}'. Give "
                "contrast_patterns={T1: 'REGEX'}."
            )
        if len(wanted) < len(files):
            log.info("not used: %d of %d NIfTI files are of no wanted contrast",
                     len(files) - len(wanted), len(files))  # fmt: skip
        for file, contrast in wanted:
            yield self._find_volume(file, file.relative_to(root).as_posix(), contrast)

    def read(self, volume: FoundVolume) -> Scan:
        """See `VolumeSource`."""
        return read_nifti(volume.paths[0], self.plane, self.frame, self.orientation)

    def _find_volume(self, file: Path, below: str, contrast: str) -> FoundVolume | UnusableVolume:
        subject = re.search(self.subject_pattern, below)
        if not subject:
            return UnusableVolume(
                f"{file}: names no subject; change subject_pattern={self.subject_pattern}"
            )
        scans = re.finditer(self.scan_pattern, below) if self.scan_pattern else ()
        # BIDS repeats the session in folder and file: each name once
        scan = "_".join(dict.fromkeys(match[0] for match in scans))
        return FoundVolume(subject[1 if subject.re.groups else 0], contrast, (file,), scan=scan)

    @cached_property
    def _contrasts(self) -> Sequence[str]:
        return list(self.contrast_patterns) if self.contrasts is None else self.contrasts

    def _match_contrast(self, file: Path) -> str:
        """Return the first contrast whose pattern matches, or an empty text."""
        matches = (name for name, p in self.contrast_patterns.items() if re.search(p, file.name))
        return next(matches, "")
