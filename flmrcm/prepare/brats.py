"""BraTS as it is downloaded, 2018 to 2023; subject and contrast are in the names of its files."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.nifti_file import read_nifti
from flmrcm.prepare.orientation import PLANES
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

SUFFIX_CONTRASTS = {
    "t1": "T1", "t1n": "T1", "t1ce": "T1ce", "t1c": "T1ce",
    "t2": "T2", "t2w": "T2", "flair": "FLAIR", "t2f": "FLAIR",
}  # fmt: skip
"""Ending of a file's name → contrast; the second ending of each pair is that of BraTS 2023."""

_NAME = re.compile(r"(?P<subject>.+)[_-](?P<end>[a-z0-9]+)\.nii(\.gz)?", re.IGNORECASE)
_VISIT = re.compile(r"(?P<person>BraTS-[A-Za-z]+-\d+)-(?P<visit>\d+)")
"""BraTS 2023 numbers the visits of a person: `BraTS-GLI-00002-001`."""


@dataclass(frozen=True)
class BratsSource:
    """Files `BraTS20_Training_001/BraTS20_Training_001_{t1,t1ce,t2,flair}.nii.gz`, or `.nii`.

    Segmentations and all other files are ignored.

    Args:
        input: folder that holds the folders of the subjects.
        contrasts: some of T1, T1ce, T2, FLAIR.
        plane: axial | coronal | sagittal: plane of the slices.

    Raises:
        ConfigErrors: an unknown contrast or plane.
    """

    input: str
    contrasts: Sequence[str] = ("T1", "T2")
    plane: str = "axial"

    def __post_init__(self) -> None:
        known = tuple(dict.fromkeys(SUFFIX_CONTRASTS.values()))
        problems = check_choice("plane", self.plane, tuple(PLANES))
        problems += find_contrast_problems(self.contrasts, known)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield the wanted contrasts of every subject; a missing one is an `UnusableVolume`.

        Raises:
            DataLayoutError: no such folder, or no BraTS file in it.
        """
        _, files = list_files(self.input, (".nii", ".nii.gz"))
        subjects: dict[str, dict[str, Path]] = {}
        for file in files:
            name = _NAME.fullmatch(file.name)
            if name and (contrast := SUFFIX_CONTRASTS.get(name["end"].lower())):
                subjects.setdefault(name["subject"], {}).setdefault(contrast, file)
        if not subjects:
            raise DataLayoutError(
                f"input={self.input}: no file is named like BraTS20_Training_001_t1.nii.gz; "
                "give the folder that holds the folders of the subjects."
            )
        for subject, scans in sorted(subjects.items()):
            for contrast in self.contrasts:
                yield _find_volume(subject, contrast, scans)

    def read(self, volume: FoundVolume) -> Scan:
        """See `VolumeSource`."""
        return read_nifti(volume.paths[0], self.plane)


def _find_volume(
    subject: str, contrast: str, scans: dict[str, Path]
) -> FoundVolume | UnusableVolume:
    if contrast not in scans:
        return UnusableVolume(f"{next(iter(scans.values())).parent}: {subject} has no {contrast}")
    visit = _VISIT.fullmatch(subject)
    person, scan = (visit["person"], visit["visit"]) if visit else (subject, "")
    return FoundVolume(person, contrast, (scans[contrast],), scan=scan)
