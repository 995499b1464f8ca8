"""From a file of raw k-space to coil images without padding and oversampling."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.data.h5 import open_h5, read_header
from flmrcm.data.provenance import read_provenance
from flmrcm.errors import DataLayoutError
from flmrcm.mri.fourier import ifft2c
from flmrcm.prepare.geometry import crop_or_pad
from flmrcm.prepare.ismrmrd_header import IsmrmrdHeader, parse_header
from flmrcm.prepare.scan import UnusableVolume


@dataclass(frozen=True)
class RawGeometry:
    """The steps from k-space to images.

    Attributes:
        columns: the columns of the k-space that are transformed.
        size: number of rows and columns of the images, cropped around the centre.
        voxel_mm: spacing of slices, rows and columns of the images in mm.
    """

    columns: slice
    size: tuple[int, int]
    voxel_mm: tuple[float, float, float]

    def reconstruct(self, kspace: NDArray[np.complex64]) -> Tensor:
        """Return the coil images of a slice, complex64, (coils, rows, columns).

        Args:
            kspace: complex64, (coils, rows, columns).

        Raises:
            UnusableVolume: NaN, infinity, or values in columns that aren't transformed.
        """
        if not np.isfinite(kspace).all():
            raise UnusableVolume("'kspace' holds NaN or infinity")
        before, after = kspace[..., : self.columns.start], kspace[..., self.columns.stop :]
        if before.any() or after.any():
            raise UnusableVolume("its slices were measured with different columns")
        images = torch.empty((len(kspace), *self.size), dtype=torch.complex64)
        # coil by coil: a slice of 16 coils is large, and a transform needs several copies
        for image, coil in zip(images, torch.from_numpy(kspace[..., self.columns]), strict=True):
            image.copy_(torch.from_numpy(crop_or_pad(ifft2c(coil).numpy(), self.size)))
        return images


@dataclass(frozen=True)
class RawFile:
    """One file of fully sampled k-space.

    Attributes:
        path: the file.
        shape: shape of the k-space, (slices, coils, rows, columns).
        geometry: the steps from k-space to images.
        attributes: scan parameters from the header.
    """

    path: Path
    shape: tuple[int, int, int, int]
    geometry: RawGeometry
    attributes: dict[str, float]

    def reconstruct(self) -> Iterator[Tensor]:
        """Yield the coil images of each slice, complex64, (coils, rows, columns).

        Raises:
            UnusableVolume: a slice is damaged; the message names it.
        """
        with _open_kspace(self.path) as file:
            for index in range(self.shape[0]):
                try:
                    yield self.geometry.reconstruct(_read_slice(file, index, self.shape))
                except UnusableVolume as problem:
                    raise UnusableVolume(f"slice {index}: {problem}") from None


def open_raw(path: Path, voxel_mm: Sequence[float] | None) -> RawFile:
    """Return what is needed to reconstruct a file; of its k-space one slice is read.

    Args:
        path: an HDF5 file with `kspace`, (slices, coils, rows, columns) or (slices, rows, columns).
        voxel_mm: spacing of slices, rows and columns in mm, for a file that doesn't hold it.

    Raises:
        UnusableVolume: damaged, of another format, undersampled, or of unknown pixel size.
    """
    with _open_kspace(path) as file:
        shape = read_header(path, "").shape
        if "mask" in file:
            raise UnusableVolume(
                "undersampled (it holds a 'mask'), but only fully sampled k-space can be used"
            )
        header = _read_ismrmrd_header(file)
        # the middle slice: those at the ends may be empty
        columns = find_measured_columns(_read_slice(file, shape[0] // 2, shape))
    if header:
        return RawFile(path, shape, compute_geometry(shape[2:], columns, header), header.attributes)
    voxel = read_provenance(path).voxel_mm or voxel_mm
    if not voxel:
        raise UnusableVolume(
            "no 'ismrmrd_header' and no attribute 'voxel_mm'; give voxel_mm=[5,1,1]"
        )
    # fewer columns over the same field of view give wider pixels
    widening = shape[3] / (columns.stop - columns.start)
    size = shape[2], columns.stop - columns.start
    spacing = float(voxel[0]), float(voxel[1]), float(voxel[2]) * widening
    return RawFile(path, shape, RawGeometry(columns, size, spacing), {})


def find_measured_columns(kspace: NDArray[np.complex64]) -> slice:
    """Return the smallest range of columns around the centre that holds all measured values.

    fastMRI's files are padded with columns of zeros up to the encoded matrix. The range is
    symmetric, also if one side was measured only (partial Fourier): zero frequency stays in the
    centre.

    Args:
        kspace: complex, (…, rows, columns), zero frequency at index `n // 2`.
    """
    width = kspace.shape[-1]
    measured = np.flatnonzero(kspace.reshape(-1, width).any(0))
    if len(measured) == 0:
        return slice(0, width)
    center = width // 2
    half = max(center - int(measured[0]), int(measured[-1]) + 1 - center)
    return slice(max(0, center - half), min(width, center + half))


def compute_geometry(shape: tuple[int, int], columns: slice, header: IsmrmrdHeader) -> RawGeometry:
    """Return the steps from k-space to images of the header's final field of view.

    Args:
        shape: shape of the k-space, (rows, columns): readout and phase.
        columns: the measured columns.
        header: header of the file.
    """
    encoded = shape[0], columns.stop - columns.start
    voxel = [fov / n for fov, n in zip(header.encoded_mm, encoded, strict=True)]
    recon = [round(fov / mm) for fov, mm in zip(header.recon_mm, voxel, strict=True)]
    size = min(encoded[0], recon[0]), min(encoded[1], recon[1])
    return RawGeometry(columns, size, (header.slice_mm, voxel[0], voxel[1]))


@contextmanager
def _open_kspace(path: Path) -> Generator[h5py.File]:
    """Open a file; what is wrong with it makes the volume unusable."""
    try:
        with open_h5(path) as file:
            yield file
    except UnusableVolume:
        raise
    except DataLayoutError as error:
        # the path is added where the line is printed
        raise UnusableVolume(str(error).removeprefix(f"{path}: ")) from None


def _read_ismrmrd_header(file: h5py.File) -> IsmrmrdHeader | None:
    if "ismrmrd_header" not in file:
        return None
    try:
        return parse_header(np.asarray(file["ismrmrd_header"]).item())
    except ValueError as error:
        raise UnusableVolume(f"its 'ismrmrd_header' can't be read: {error}") from None


def _read_slice(file: h5py.File, index: int, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """Return one slice, complex64, (coils, rows, columns)."""
    data = cast(h5py.Dataset, file["kspace"])
    return np.asarray(data[index], np.complex64).reshape(shape[1:])
