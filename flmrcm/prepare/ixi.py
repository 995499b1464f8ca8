"""IXI as it is downloaded: `IXI002-Guys-0828-T1.nii.gz` is id, hospital, number, contrast."""

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

    T1 is stored in sagittal, T2 and PD in axial slices, and they aren't registered: slices of a
    subject's contrasts don't correspond. Diffusion files aren't used.

    Args:
        input: folder that holds the unpacked archives, in folders of their own or not.
        contrasts: some of T1, T2, PD, MRA.
        plane: axial | coronal | sagittal: plane of the slices.
        split_by: none | hospital: with `hospital`, IXI-Guys, IXI-HH and IXI-IOP are sites.

    Raises:
        ConfigErrors: an unknown contrast, plane or `split_by`.
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
        """Yield the wanted contrasts of every subject, sorted by path.

        Raises:
            DataLayoutError: no such folder, or no IXI file of a wanted contrast in it.
        """
        _, files = list_files(self.input, (".nii", ".nii.gz"))
        matches = [(file, name) for file in files if (name := _NAME.fullmatch(file.name))]
        wanted = [(file, name) for file, name in matches if name["contrast"] in self.contrasts]
        if not wanted:
            raise DataLayoutError(
                f"input={self.input}: no file is named like "
                f"IXI002-Guys-0828-{self.contrasts[0]}.nii.gz; give the folder of the archives, or "
                "other contrasts."
            )
        for file, name in wanted:
            site = f"IXI-{name['hospital']}" if self.split_by == "hospital" else ""
            yield FoundVolume(name["subject"], name["contrast"], (file,), site)

    def read(self, volume: FoundVolume) -> Scan:
        """See `VolumeSource`."""
        return read_nifti(volume.paths[0], self.plane)
