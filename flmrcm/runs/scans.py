"""Scans to be reconstructed: the files, and each as the only volume of a site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from flmrcm.data.coil_maps import MAPS_FOLDER
from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.hdf5 import open_h5, read_attributes
from flmrcm.data.ismrmrd_header import parse_header
from flmrcm.data.own_sampling import adopt_own_sampling
from flmrcm.data.provenance import Provenance, read_provenance
from flmrcm.data.source import Source
from flmrcm.data.stored_sampling import mark_acquired_columns, read_stored_sampling
from flmrcm.errors import DataLayoutError
from flmrcm.mri.masks import FileMask, Mask

COPIED = (
    "voxel_mm", "orientation", "phase_encoding", "native_shape", "contrast", "acquisition",
    "kspace_origin", "patient_id", "subject", "site",
)  # fmt: skip
"""Attributes of a scan that its reconstruction keeps: how it lies, and where it comes from."""


OWN = "the file's own"
"""How the mask of a scan is called that is taken as it was measured."""


@dataclass(frozen=True)
class ScanSource(Source):
    """One scan as an institution's data: all of its slices, whatever split is asked for.

    Args:
        header: the scan's.
    """

    header: Volume = field(kw_only=True)

    def has(self, split: str) -> bool:
        """Return True."""
        return True

    def list_examples(self, split: str) -> list[tuple[Volume, int]]:
        """Return the scan with each of its slices."""
        return [(self.header, index) for index in range(self.header.shape[0])]

    def describe_mask(self) -> str:
        """Return in a few words which samples count as measured: `Random, 4x`."""
        if self.mask.from_file:
            return OWN
        accelerations = ", ".join(f"{r:g}x" for r in self.mask.accelerations)
        return f"{type(self.mask).__name__}, {accelerations}"


@dataclass(frozen=True)
class ScanReading:
    """How scans are read, and what is taken as measured of them.

    Attributes:
        site: whose draws of masks they get; empty for nobody's.
        mask: drawn on fully sampled k-space.
        keeps_own: whether undersampled k-space is taken with its own sampling; else it's refused.
        coils: single | multi | auto: the kind of k-space they must hold.
        phase_encoding: columns | rows, of files that don't say it; None: columns.
    """

    site: str
    mask: Mask
    keeps_own: bool = True
    coils: str = "auto"
    phase_encoding: str | None = None

    def open(self, path: Path) -> ScanSource:
        """Return a scan; of its k-space one slice is read.

        Raises:
            DataLayoutError: it isn't in the file format, or undersampled where a mask is drawn.
        """
        header = read_header(path, self.site, self.coils, self.phase_encoding)
        if header.shape[0] == 0:
            raise DataLayoutError(f"{path}: its 'kspace' holds no slice.")
        is_under = self.keeps_own and read_stored_sampling(header).undersampling
        mask = FileMask() if is_under else self.mask
        adopt = adopt_own_sampling if mask.from_file else mark_acquired_columns
        return ScanSource(self.site, path.parent, "", mask, header=adopt(header))


def list_scans(place: Path) -> dict[str, Path]:
    """Return a file, or the .h5 files in a folder and its folders, by their names for outputs.

    A name is the path below the folder without its ending. Hidden files and coil maps are left out.

    Raises:
        DataLayoutError: there is no such place, or no .h5 file in it.
    """
    if place.is_file():
        return {place.stem: place}
    if not place.is_dir():
        raise DataLayoutError(f"input={place}: there is no such file or folder.")
    files = [file for file in sorted(place.rglob("*.h5")) if not file.name.startswith(".")]
    files = [file for file in files if file.parent.name != MAPS_FOLDER]
    if not files:
        raise DataLayoutError(f"input={place}: holds no .h5 file, nor does a folder in it.")
    return {path.relative_to(place).with_suffix("").as_posix(): path for path in files}


def check_output(place: Path, output: Path) -> None:
    """Raise an error for an output inside the input: it would be input itself the next time.

    Raises:
        DataLayoutError: it is.
    """
    if place.is_dir() and output.resolve().is_relative_to(place.resolve()):
        raise DataLayoutError(f"output={output}: lies in input={place}; give a folder elsewhere.")


def read_scan_provenance(volume: Volume) -> Provenance:
    """Return where a scan comes from; its voxel size also from an ISMRMRD header.

    Raises:
        DataLayoutError: the file can't be read.
    """
    provenance = read_provenance(volume.path)
    if provenance.voxel_mm:
        return provenance
    return replace(provenance, voxel_mm=_read_header_voxel(volume))


def read_kept_attributes(path: Path) -> Mapping[str, Any]:
    """Return the attributes of a scan that its reconstruction keeps.

    Raises:
        DataLayoutError: the file can't be opened.
    """
    return {key: value for key, value in read_attributes(path).items() if key in COPIED}


def _read_header_voxel(volume: Volume) -> tuple[float, float, float] | None:
    """Return the spacing of slices, rows and columns as they are stored, mm; None if unknown."""
    with open_h5(volume.path) as file:
        try:
            header = parse_header(np.asarray(file["ismrmrd_header"]).item())
        except (KeyError, ValueError, TypeError):
            return None
    inside: Sequence[float] = [
        fov / n for fov, n in zip(header.encoded_mm, volume.shape[2:], strict=True)
    ]
    row_mm, column_mm = inside[::-1] if volume.is_turned else inside
    return header.slice_mm, row_mm, column_mm
