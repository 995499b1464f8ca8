"""fastMRI's multi-coil brain scans, and files of the same layout: from raw k-space to images."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flmrcm.data.hdf5 import read_attributes
from flmrcm.data.phase_encoding import PHASE_ENCODINGS
from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.prepare.coil_images import COIL_MODES, combine_slices
from flmrcm.prepare.input_files import find_contrast, find_contrast_problems, list_files
from flmrcm.prepare.raw_kspace import RawReading, open_raw
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

log = logging.getLogger(__name__)

SPLIT_BY = ("none", "scanner")
_NAME = re.compile(r"file_brain_(?P<acquisition>AX[A-Z0-9]+)_(?P<scanner>\d+)_(?P<patient_id>\d+)")
_AXIAL, _CORONAL = "S??", "???"
"""Axial slices go upwards; nothing else about directions is in the files."""


@dataclass(frozen=True)
class FastmriSource:
    """Files with `kspace`, (slices, coils, readout, phase) or (slices, readout, phase).

    Columns of zeros around the measured lines are removed first, then, in image space, the
    oversampling. Of the header only numbers are read (Zbontar et al., arXiv 1811.08839).

    Args:
        input: a folder with all its subfolders, or a pattern with `*` and `**`.
        acquisitions: contrast → names of the acquisition in the attribute `acquisition` or in the
            file's name. Files with other names aren't used.
        contrasts: the contrasts to use; None uses all.
        coils: combine (adaptive, complex) | rss (a magnitude) | keep.
        split_by: none | scanner: whether each scanner, the second number in the file's name, is a
            site of its own.
        voxel_mm: spacing of slices, rows and columns in mm, for files with neither
            `ismrmrd_header` nor the attribute `voxel_mm`.
        phase_encoding: columns | rows: the stored axis that is the phase, in files without an
            attribute `phase_encoding`; None means columns. What is written has it as columns.
        center: whether the peak of each volume's k-space is moved to the centre.

    Raises:
        ConfigErrors: a value that isn't allowed.
    """

    input: str
    acquisitions: Mapping[str, Sequence[str]]
    contrasts: Sequence[str] | None = None
    coils: str = "combine"
    split_by: str = "none"
    voxel_mm: Sequence[float] | None = None
    phase_encoding: str | None = None
    center: bool = False

    def __post_init__(self) -> None:
        problems = check_choice("coils", self.coils, tuple(COIL_MODES))
        problems += check_choice("split_by", self.split_by, SPLIT_BY)
        axes, asked = (*PHASE_ENCODINGS, "null"), self.phase_encoding or "null"
        problems += check_choice("phase_encoding", asked, axes)
        problems += find_contrast_problems(self.contrasts, self.acquisitions)
        voxel = self.voxel_mm
        if voxel is not None and (len(voxel) != 3 or min(voxel) <= 0):
            problems.append(
                f"voxel_mm={voxel}: give [slices, rows, columns] in mm, above 0, or null."
            )
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield the files of the wanted contrasts, sorted by path.

        Raises:
            DataLayoutError: no such folder, or no `.h5` file in it.
        """
        n_unused = 0
        for path in list_files(self.input, (".h5",))[1]:
            try:
                volume = self._find_volume(path)
            except UnusableVolume as problem:
                yield problem
            else:
                n_unused += volume is None
                if volume:
                    yield volume
        if n_unused:
            log.info("not used: %d files of other acquisitions", n_unused)

    def read(self, volume: FoundVolume) -> Scan:
        """Return the scan of one file, read slice by slice.

        Raises:
            UnusableVolume: damaged, undersampled, NaN, or of unknown pixel size.
        """
        (path,) = volume.paths
        raw = open_raw(path, RawReading(self.voxel_mm, self.phase_encoding, self.center))
        acquisition = _read_labels(path)["acquisition"]
        orientation = _CORONAL if acquisition.startswith("COR") else _AXIAL
        return Scan(
            combine_slices(raw.reconstruct(), len(raw), self.coils),
            raw.geometry.voxel_mm,
            native_orientation=orientation,
            native_shape=raw.header.shape,
            kspace_origin=COIL_MODES[self.coils][1],
            orientation=orientation,
            acquisition=acquisition,
            attributes=raw.attributes,
            phase_band=raw.phase_band,
        )

    def _find_volume(self, path: Path) -> FoundVolume | None:
        """Return the volume of a file; None if its contrast isn't wanted."""
        labels = _read_labels(path)
        contrast = find_contrast(labels["acquisition"], self.acquisitions)
        if contrast is None or contrast not in (self.contrasts or self.acquisitions):
            return None
        site = f"fastMRI-{labels['scanner']}" if self.split_by == "scanner" else ""
        return FoundVolume(labels["patient_id"], contrast, (path,), site, scan=path.stem)


def _read_labels(path: Path) -> dict[str, str]:
    """Return acquisition, scanner and patient from the attributes, else from the file's name."""
    name = _NAME.fullmatch(path.stem)
    labels = {"acquisition": "", "scanner": "other", "patient_id": path.stem}
    labels |= name.groupdict() if name else {}
    try:
        attributes = read_attributes(path)
    except DataLayoutError as error:
        raise UnusableVolume(str(error)) from None
    # the scanner is a number in the file's name only
    for key in labels.keys() & attributes.keys() - {"scanner"}:
        labels[key] = str(attributes[key]) or labels[key]
    return labels
