"""CC359, the Calgary-Campinas raw data: 12-channel T1 heads whose readout is transformed already.

`kspace` of a file, such as `e14110s3_P59904.7.h5`, is real, (slices, rows, columns, 2 × coils):
256 slices along the readout, phase encodes along rows and slice encodes along columns; real and
imaginary parts alternate along the last axis (github.com/rmsouza01/MC-MRI-Rec; Beauferris et al.
2022, doi:10.3389/fnins.2022.919186). Zero frequency is in the centre, but the image's centre isn't
at its first pixel: their plain inverse transform shows an upright head.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.data.finite import is_finite
from flmrcm.data.hdf5 import get_dataset, open_h5
from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.mri.fourier import ifft2c
from flmrcm.prepare.coil_images import COIL_MODES, combine_slices
from flmrcm.prepare.input_files import find_contrast_problems, list_files
from flmrcm.prepare.phase_band import compute_band, find_acquired_columns
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume

CONTRASTS = ("T1",)
VOXEL_MM = (1.0, 1.0, 1.0)

_ACQUIRED = 0.85
"""Share of the slice encodes that was acquired; the last ones in the files are nearly zero."""

_NAME = re.compile(r"(?P<exam>e\d+)(?P<series>s\d+_.+)")
_ORIENTATION = "???"
"""The slices are axial; nothing in the files says which way they lie."""


@dataclass(frozen=True)
class Cc359Source:
    """The fully sampled 12-channel files, `train_val_12_channel.zip` unpacked.

    The undersampled ones of the challenge's test set are reported and left out. Exams are subjects:
    the number after `e` in a file's name; a file of another name is a subject of its own.

    Args:
        input: a folder with all its subfolders, or a pattern with `*` and `**`.
        contrasts: [T1]; there is no other.
        coils: combine (adaptive, complex) | rss (a magnitude) | keep.

    Raises:
        ConfigErrors: a value that isn't allowed.
    """

    input: str
    contrasts: Sequence[str] = CONTRASTS
    coils: str = "combine"

    def __post_init__(self) -> None:
        problems = check_choice("coils", self.coils, tuple(COIL_MODES))
        problems += find_contrast_problems(self.contrasts, CONTRASTS)
        if problems:
            raise ConfigErrors(problems)

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield the files, sorted by path, after a look at the shape of each.

        Raises:
            DataLayoutError: no such folder, or no `.h5` file in it.
        """
        for path in list_files(self.input, (".h5",))[1]:
            name = _NAME.fullmatch(path.stem)
            subject, scan = name.groups() if name else (path.stem, "")
            try:
                with open_h5(path) as file:
                    _check_layout(path, get_dataset(file, path, "kspace"))
            except DataLayoutError as problem:
                yield UnusableVolume(str(problem))
            else:
                yield FoundVolume(subject, "T1", (path,), scan=scan)

    def read(self, volume: FoundVolume) -> Scan:
        """Return the scan of one file, read slice by slice.

        Raises:
            UnusableVolume: damaged, undersampled, or NaN.
        """
        (path,) = volume.paths
        with open_h5(path) as file:
            dataset = get_dataset(file, path, "kspace")
            count, rows, width, parts = dataset.shape
            columns = find_acquired_columns(_read_slice(dataset, count // 2))
            slices = (_reconstruct(_read_slice(dataset, index)) for index in range(count))
            image = combine_slices(slices, count, self.coils)
        return Scan(
            image,
            VOXEL_MM,
            native_orientation=_ORIENTATION,
            native_shape=(count, parts // 2, rows, width),
            kspace_origin=COIL_MODES[self.coils][1],
            orientation=_ORIENTATION,
            phase_band=compute_band(columns, width, VOXEL_MM[2]),
        )


def _check_layout(path: Path, dataset: h5py.Dataset) -> None:
    shape = dataset.shape
    if len(shape) != 4 or dataset.dtype.kind != "f" or shape[-1] % 2 or 0 in shape:
        raise DataLayoutError(
            f"{path}: 'kspace' is {dataset.dtype} {shape}; CC359's is real, (slices, rows, "
            "columns, 2 × coils). Complex files of fastMRI's layout are read by source=fastmri."
        )


def _read_slice(dataset: h5py.Dataset, index: int) -> NDArray[np.complex64]:
    """Return one slice, complex64, (coils, rows, columns), zero where nothing was acquired.

    Raises:
        UnusableVolume: it holds NaN or infinity.
    """
    parts = np.ascontiguousarray(dataset[index], np.float32)
    if not is_finite(parts):
        raise UnusableVolume(f"slice {index}: 'kspace' holds NaN or infinity")
    kspace = np.moveaxis(parts.view(np.complex64), -1, 0)
    kspace[..., ceil(_ACQUIRED * kspace.shape[-1]) :] = 0
    return kspace


def _reconstruct(kspace: NDArray[np.complex64]) -> Tensor:
    """Return coil images, complex64, (coils, rows, columns)."""
    return torch.fft.ifftshift(ifft2c(torch.from_numpy(np.ascontiguousarray(kspace))), dim=(-2, -1))
