"""fastMRI's multi-coil brains, and files laid out like them: from raw k-space to images."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.data.h5 import read_attributes
from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.mri.coil_combination import combine_adaptively
from flmrcm.mri.coils import rss
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.raw_kspace import open_raw
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

log = logging.getLogger(__name__)

SPLIT_BY = ("none", "scanner")
_NAME = re.compile(r"file_brain_(?P<acquisition>AX[A-Z0-9]+)_(?P<scanner>\d+)_(?P<patient_id>\d+)")
_AXIAL = "S??"
"""The files don't say where rows and columns lead to."""


def keep_coils(images: Tensor) -> Tensor:
    """Leaves the coils as they are."""
    return images


COIL_MODES: Mapping[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "combine": (combine_adaptively, "measured"),
    "rss": (rss, "magnitude"),
    "keep": (keep_coils, "measured"),
}
"""What may be done with coil images, (slice, coil, height, width), and what's left of k-space."""


@dataclass(frozen=True)
class FastmriSource:
    """Files with `kspace`, (slice, coil, readout, phase) or (slice, readout, phase).

    What nobody measured goes first: columns of zeros around the measured lines, then, in image
    space, oversampling. Of the header only numbers are read.

    Args:
        input: a folder, searched to its bottom, or a pattern with `*` and `**`.
        acquisitions: contrast → fastMRI's words for it, as the attribute `acquisition` or the
            file's name has them. Other files are left alone.
        contrasts: some of them; None takes all.
        coils: combine (adaptive, complex) | rss (a magnitude) | keep.
        split_by: none | scanner: by the second number in the file's name.
        voxel_mm: of slices, rows and columns, for files that hold neither `ismrmrd_header` nor
            the attribute `voxel_mm`.

    Raises:
        ConfigErrors: a value that isn't allowed.
    """

    input: str
    acquisitions: Mapping[str, Sequence[str]]
    contrasts: Sequence[str] | None = None
    coils: str = "combine"
    split_by: str = "none"
    voxel_mm: Sequence[float] | None = None

    def __post_init__(self) -> None:
        problems = check_choice("coils", self.coils, tuple(COIL_MODES))
        problems += check_choice("split_by", self.split_by, SPLIT_BY)
        problems += find_contrast_problems(self.contrasts, self.acquisitions)
        given = self.voxel_mm
        if given is not None and (len(given) != 3 or min(given) <= 0):
            problems.append(f"voxel_mm={given}: [slice, row, column], above 0, or null.")
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Gives the files of wanted contrasts, sorted by path.

        Raises:
            DataLayoutError: no such folder, or no `.h5` file in it.
        """
        alone = 0
        for path in list_files(self.input, (".h5",))[1]:
            try:
                found = self._find_volume(path)
            except UnusableVolume as skipped:
                yield skipped
            else:
                alone += found is None
                if found:
                    yield found
        if alone:
            log.info("left alone: %d files of no wanted acquisition", alone)

    def read(self, found: FoundVolume) -> Scan:
        """Reads one file, slice by slice.

        Raises:
            Skipped: damaged, undersampled, NaN, or nobody knows how large its pixels are.
        """
        (path,) = found.paths
        raw = open_raw(path, self.voxel_mm)
        combine, origin = COIL_MODES[self.coils]
        return Scan(
            _fill_volume((combine(coils[None])[0] for coils in raw.reconstruct()), raw.shape[0]),
            raw.geometry.voxel_mm,
            native_orientation=_AXIAL,
            native_shape=raw.shape,
            kspace_origin=origin,
            orientation=_AXIAL,
            acquisition=_read_labels(path)["acquisition"],
            attributes=raw.attributes,
        )

    def _find_volume(self, path: Path) -> FoundVolume | None:
        said = _read_labels(path)
        fitting = (
            name
            for name, words in self.acquisitions.items()
            if said["acquisition"] in _as_list(words)
        )
        contrast = next(fitting, None)
        if contrast is None or contrast not in (self.contrasts or self.acquisitions):
            return None
        site = f"fastMRI-{said['scanner']}" if self.split_by == "scanner" else ""
        return FoundVolume(said["patient_id"], contrast, (path,), site, scan=path.stem)


def _fill_volume(slices: Iterator[Tensor], count: int) -> NDArray[Any]:
    """Gives the slices in one array, without holding them twice."""
    first = next(slices)
    volume = torch.empty((count, *first.shape), dtype=first.dtype)
    for place, image in zip(volume, chain([first], slices), strict=True):
        place.copy_(image)
    return volume.numpy()


def _read_labels(path: Path) -> dict[str, str]:
    """Gives acquisition, scanner and patient: from the attributes, else from the file's name."""
    name = _NAME.fullmatch(path.stem)
    said = {"acquisition": "", "scanner": "other", "patient_id": path.stem}
    said |= name.groupdict() if name else {}
    try:
        attributes = read_attributes(path)
    except DataLayoutError as error:
        raise UnusableVolume(str(error)) from None
    for key in said.keys() & attributes.keys() - {"scanner"}:
        said[key] = str(attributes[key]) or said[key]
    return said


def _as_list(words: Sequence[str] | str) -> Sequence[str]:
    """Gives a list also where only one word was typed."""
    return [words] if isinstance(words, str) else words
