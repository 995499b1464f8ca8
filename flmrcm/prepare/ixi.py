"""IXI as downloaded: `IXI002-Guys-0828-T1.nii.gz`, id, hospital, number, contrast."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.nifti_file import read_nifti
from flmrcm.prepare.orientation import PLANES
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

CONTRASTS = ("T1", "T2", "PD", "MRA")
SPLIT_BY = ("none", "hospital")

_NAME = re.compile(r"(?P<subject>IXI\d+)-(?P<hospital>[A-Za-z]+)-\d+-(?P<contrast>\w+)\.nii(\.gz)?")


@dataclass(frozen=True)
class IxiSource:
    """The three hospitals as one site, or as three.

    T1 was stored sagittally, T2 and PD axially, and they aren't registered to each other: slices
    of one subject's contrasts don't correspond. Diffusion files are left alone.

    Args:
        input: the folder the archives were unpacked into, each in its own folder or not.
        contrasts: some of T1, T2, PD, MRA.
        plane: axial | coronal | sagittal.
        split_by: none | hospital: IXI-Guys, IXI-HH and IXI-IOP.

    Raises:
        ConfigErrors: an unknown contrast, plane or way to split.
    """

    input: str
    contrasts: Sequence[str] = ("T1", "T2")
    plane: str = "axial"
    split_by: str = "none"

    def __post_init__(self) -> None:
        problems = check_choice("plane", self.plane, tuple(PLANES))
        problems += check_choice("split_by", self.split_by, SPLIT_BY)
        problems += find_contrast_problems(self.contrasts, CONTRASTS)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Gives the wanted contrasts of every subject, sorted by path.

        Raises:
            DataLayoutError: no such folder, or no IXI file of a wanted contrast in it.
        """
        _, files = list_files(self.input, (".nii", ".nii.gz"))
        named = [(file, name) for file in files if (name := _NAME.fullmatch(file.name))]
        wanted = [(file, name) for file, name in named if name["contrast"] in self.contrasts]
        if not wanted:
            raise DataLayoutError(
                f"input={self.input}: no file is named like "
                f"IXI002-Guys-0828-{self.contrasts[0]}.nii.gz."
            )
        for file, name in wanted:
            site = f"IXI-{name['hospital']}" if self.split_by == "hospital" else ""
            yield FoundVolume(name["subject"], name["contrast"], (file,), site)

    def read(self, found: FoundVolume) -> Scan:
        """See `VolumeSource`."""
        return read_nifti(found.paths[0], self.plane)
