"""Any folder of NIfTI files, for example with BIDS names."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.bids import classify_bids, is_copy, log_unused, parse_entities
from flmrcm.prepare.contrast import (
    ContrastRule,
    Verdict,
    classify_names,
    find_pattern_problems,
    keep_wanted,
)
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.nifti_file import ENDINGS, read_nifti, strip_ending
from flmrcm.prepare.orientation import PLANES
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume


@dataclass(frozen=True)
class NiftiSource:
    """Files whose names hold subject and contrast.

    Args:
        input: a folder, a file, or a pattern with `*` and `**`.
        subject_pattern: regular expression that is searched in the path below `input`, from the
            first wildcard on; its first group, or else the whole match, is the subject.
        contrast_patterns: contrast → regular expression that is searched in the file's name,
            ignoring case, before `contrast.classify_names` reads it; see `ContrastRule`. Of a BIDS
            name, the suffix decides.
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
    contrast_patterns: Mapping[str, str] = field(default_factory=dict[str, str])
    contrasts: Sequence[str] | None = None
    scan_pattern: str | None = None
    plane: str = "axial"
    frame: int | None = None
    orientation: str | None = None

    def __post_init__(self) -> None:
        problems = check_choice("plane", self.plane, tuple(PLANES))
        own = {"subject_pattern": self.subject_pattern, "scan_pattern": self.scan_pattern or ""}
        problems += find_pattern_problems(own) + self._rule.find_problems()
        problems += find_contrast_problems(self.contrasts, self._rule.contrasts)
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
        root, files = list_files(self.input, ENDINGS)
        verdicts = {file: self._classify(file, root) for file in files}
        log_unused(Counter(v.reason for v in verdicts.values() if not v.contrast))
        wanted = {file: verdict.contrast for file, verdict in verdicts.items() if verdict.contrast}
        if not wanted:
            raise DataLayoutError(
                f"input={self.input}: none of {len(files)} NIfTI files has a name that tells one "
                f"of {', '.join(self.contrasts or self._rule.contrasts)}; one name is "
                f"'{files[0].name}'. Give contrast_patterns={{T1: 'REGEX'}}."
            )
        for file, contrast in wanted.items():
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

    @property
    def _rule(self) -> ContrastRule:
        return ContrastRule(self.contrast_patterns)

    def _classify(self, file: Path, root: Path) -> Verdict:
        """Return the contrast of a file, or why it isn't used."""
        if is_copy(file, root):
            return Verdict("", "copies in derivatives or sourcedata")
        name = strip_ending(file.name)
        usual = classify_bids if parse_entities(name) else classify_names
        return keep_wanted(self._rule.classify(name, usual=usual), self.contrasts)
