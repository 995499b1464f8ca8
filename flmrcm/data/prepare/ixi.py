"""IXI as downloaded: `IXI002-Guys-0828-T1.nii.gz`, id, hospital, number, contrast."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flmrcm.data.prepare.nifti_file import read_nifti
from flmrcm.data.prepare.orientation import PLANES
from flmrcm.data.prepare.scan import Found, Scan, Skipped
from flmrcm.data.prepare.tree import files_of, refuse_unknown_contrasts
from flmrcm.errors import ConfigErrors, DataLayoutError, one_of

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
        problems = one_of("plane", self.plane, tuple(PLANES))
        problems += one_of("split_by", self.split_by, SPLIT_BY)
        problems += refuse_unknown_contrasts(self.contrasts, CONTRASTS)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[Found | Skipped]:
        """Gives the wanted contrasts of every subject, sorted by path.

        Raises:
            DataLayoutError: no such folder, or no IXI file of a wanted contrast in it.
        """
        _, files = files_of(self.input, (".nii", ".nii.gz"))
        named = [(file, name) for file in files if (name := _NAME.fullmatch(file.name))]
        wanted = [(file, name) for file, name in named if name["contrast"] in self.contrasts]
        if not wanted:
            raise DataLayoutError(
                f"input={self.input}: no file is named like "
                f"IXI002-Guys-0828-{self.contrasts[0]}.nii.gz."
            )
        for file, name in wanted:
            site = f"IXI-{name['hospital']}" if self.split_by == "hospital" else ""
            yield Found(name["subject"], name["contrast"], (file,), site)

    def read(self, found: Found) -> Scan:
        """See `VolumeSource`."""
        return read_nifti(found.paths[0], self.plane)
