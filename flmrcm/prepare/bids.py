"""A BIDS data set: `sub-01/ses-pre/anat/sub-01_ses-pre_run-1_T1w.nii.gz`; its suffix decides.

Names are read here, in a few lines, and not by a library: pybids 0.22 brings eleven packages more
and wants a `dataset_description.json`, bids2table 2.3 brings pyarrow, 170 MB. What is an image to
train on would have to be decided here all the same.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.contrast import Verdict, add_agent, classify_names, keep_wanted
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.nifti_file import read_nifti, strip_ending
from flmrcm.prepare.orientation import PLANES
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

log = logging.getLogger(__name__)

SUFFIXES = {"T1w": "T1", "T2w": "T2", "FLAIR": "FLAIR", "PDw": "PD"}
"""Suffix → contrast; every other suffix is no image to train on."""

_NOT_RAW = ("derivatives", "sourcedata")
"""Folders below a data set that hold copies of its images, changed or not."""


@dataclass(frozen=True)
class BidsSource:
    """Raw images of a BIDS data set, or of derivatives if they are the input themselves.

    Subject, session, run and all else are the entities of a file's name; folders don't matter,
    except that `derivatives` and `sourcedata` below the input are left out.

    Args:
        input: the data set, or a folder or a pattern inside it.
        suffixes: suffix of a name → contrast.
        contrasts: the contrasts to use; None uses all.
        plane: axial | coronal | sagittal: plane of the slices.
        frame: number of the frame to use of a 4-D file, from 0.

    Raises:
        ConfigErrors: an unknown contrast or plane.
    """

    input: str
    suffixes: Mapping[str, str] = field(default_factory=lambda: SUFFIXES)
    contrasts: Sequence[str] | None = None
    plane: str = "axial"
    frame: int | None = None

    def __post_init__(self) -> None:
        known = dict.fromkeys([*self.suffixes.values(), "T1ce"])
        problems = check_choice("plane", self.plane, tuple(PLANES))
        problems += find_contrast_problems(self.contrasts, known)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield the files of the wanted contrasts, sorted by path; log the reasons for the others.

        Raises:
            DataLayoutError: no such folder, or no file of a wanted contrast in it.
        """
        root, files = list_files(self.input, (".nii", ".nii.gz"))
        verdicts = {file: self._classify(file, root) for file in files}
        log_unused(Counter(v.reason for v in verdicts.values() if not v.contrast))
        wanted = {file: verdict.contrast for file, verdict in verdicts.items() if verdict.contrast}
        if not wanted:
            raise DataLayoutError(
                f"input={self.input}: none of {len(files)} NIfTI files is a raw image of a wanted "
                f"contrast; one name is '{files[0].name}'. source=nifti reads names that aren't "
                "BIDS; derivatives are read where they are the input itself."
            )
        for file, contrast in wanted.items():
            subject, scan = split_subject(strip_ending(file.name))
            yield FoundVolume(subject, contrast, (file,), scan=scan)

    def read(self, volume: FoundVolume) -> Scan:
        """See `VolumeSource`."""
        return read_nifti(volume.paths[0], self.plane, self.frame)

    def _classify(self, file: Path, root: Path) -> Verdict:
        if is_copy(file, root):
            return Verdict("", "copies in derivatives or sourcedata")
        return keep_wanted(classify_bids(strip_ending(file.name), self.suffixes), self.contrasts)


def parse_entities(name: str) -> dict[str, str] | None:
    """Return the entities of a name without its ending, in its order; None if it isn't BIDS.

    The suffix is one more: `sub-01_run-1_T1w` is `{"sub": "01", "run": "1", "suffix": "T1w"}`.
    """
    *parts, suffix = name.split("_")
    entities = dict(part.split("-", 1) for part in parts if "-" in part)
    if len(entities) != len(parts) or not entities.get("sub") or not suffix or "-" in suffix:
        return None
    return entities | {"suffix": suffix}


def classify_bids(name: str, suffixes: Mapping[str, str] = SUFFIXES) -> Verdict:
    """Return the contrast of a file by its BIDS name without its ending.

    The suffix decides: words such as `space-T1w` or `task-T1` never count, and `ce-` makes a T1w an
    enhanced one. Suffixes that aren't BIDS, such as `t1`, are read as any name.
    """
    entities = parse_entities(name)
    if entities is None:
        return Verdict("", "names that aren't BIDS")
    suffix = entities["suffix"]
    verdict = Verdict(suffixes[suffix]) if suffix in suffixes else classify_names(suffix)
    if not verdict.contrast:
        return verdict
    if entities.get("part", "mag") != "mag":
        return Verdict("", "phase, real or imaginary images")
    if "ce" not in entities or verdict.agent:
        return verdict
    return add_agent(verdict.contrast, "", "after")


def split_subject(name: str) -> tuple[str, str]:
    """Return subject and scan of a BIDS name: `("01", "ses-pre_run-1")`."""
    entities = parse_entities(name) or {}
    others = [f"{key}-{value}" for key, value in entities.items() if key not in ("sub", "suffix")]
    return entities.get("sub", ""), "_".join(others)


def is_copy(file: Path, root: Path) -> bool:
    """Return whether a file lies in derivatives or sourcedata below the input's folder."""
    return any(part in _NOT_RAW for part in file.relative_to(root).parts[:-1])


def log_unused(reasons: Counter[str]) -> None:
    """Log how many files aren't used, one line for each reason."""
    for reason, count in sorted(reasons.items()):
        log.info("not used: %d file%s: %s", count, "s" if count > 1 else "", reason)
