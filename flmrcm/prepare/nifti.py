"""Any tree of NIfTI files, BIDS names too."""

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
    """Files whose names tell subject and contrast.

    Args:
        input: a folder, a file, or a pattern with `*` and `**`.
        subject_pattern: regular expression, looked for in the path below the fixed part of
            `input`; its first group, or all of it, is the subject.
        contrast_patterns: contrast → regular expression, looked for in the file's name; the first
            that fits is the file's contrast, and files that fit none are left alone.
        contrasts: some of them; None takes all.
        scan_pattern: what it finds tells several scans of one subject and contrast apart.
        plane: axial | coronal | sagittal.
        frame: which one of a 4-D file, from 0.
        orientation: where the axes lead to, for files whose header doesn't say.

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
        named = {f"contrast_patterns.{name}": p for name, p in self.contrast_patterns.items()}
        named |= {"subject_pattern": self.subject_pattern, "scan_pattern": self.scan_pattern or ""}
        for key, pattern in named.items():
            try:
                re.compile(pattern)
            except re.error as error:
                problems.append(f"{key}={pattern}: not a regular expression ({error}).")
        problems += find_contrast_problems(self.contrasts, self.contrast_patterns)
        letters = sorted(self.orientation or "RAS")
        if [sum(letter in pair for letter in letters) for pair in ("RL", "AP", "SI")] != [1, 1, 1]:
            problems.append(f"orientation={self.orientation}: three letters such as RAS or LPI.")
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Gives every file of a wanted contrast, sorted by path.

        Raises:
            DataLayoutError: no such folder, no NIfTI file, or none of a wanted contrast.
        """
        root, files = list_files(self.input, (".nii", ".nii.gz"))
        wanted = [
            (file, c) for file in files if (c := self._match_contrast(file)) in self._contrasts
        ]
        if not wanted:
            raise DataLayoutError(
                f"input={self.input}: none of {len(files)} NIfTI files is named like "
                f"{', '.join(self._contrasts)}; '{files[0].name}' is one. Say how by "
                "contrast_patterns={T1: 'REGEX'}."
            )
        if len(wanted) < len(files):
            log.info("%d of %d NIfTI files are of no wanted contrast; left alone",
                     len(files) - len(wanted), len(files))  # fmt: skip
        for file, contrast in wanted:
            yield self._find_volume(file, file.relative_to(root).as_posix(), contrast)

    def read(self, found: FoundVolume) -> Scan:
        """See `VolumeSource`."""
        return read_nifti(found.paths[0], self.plane, self.frame, self.orientation)

    def _find_volume(self, file: Path, below: str, contrast: str) -> FoundVolume | UnusableVolume:
        subject = re.search(self.subject_pattern, below)
        if not subject:
            return UnusableVolume(
                f"{file}: names no subject; subject_pattern={self.subject_pattern}"
            )
        scans = re.finditer(self.scan_pattern, below) if self.scan_pattern else ()
        scan = "_".join(dict.fromkeys(match[0] for match in scans))
        return FoundVolume(subject[1 if subject.re.groups else 0], contrast, (file,), scan=scan)

    @cached_property
    def _contrasts(self) -> Sequence[str]:
        return list(self.contrast_patterns) if self.contrasts is None else self.contrasts

    def _match_contrast(self, file: Path) -> str:
        fits = (name for name, p in self.contrast_patterns.items() if re.search(p, file.name))
        return next(fits, "")
