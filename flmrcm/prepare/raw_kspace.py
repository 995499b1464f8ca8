"""From a file of raw k-space to coil images without what nobody measured or asked for."""

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

from flmrcm.data.h5 import read_header
from flmrcm.data.provenance import read_provenance
from flmrcm.errors import DataLayoutError
from flmrcm.mri.fourier import ifft2c
from flmrcm.prepare.geometry import crop_or_pad
from flmrcm.prepare.ismrmrd_header import IsmrmrdHeader, parse_header
from flmrcm.prepare.scan import UnusableVolume


@dataclass(frozen=True)
class RawGeometry:
    """How a file's k-space becomes images.

    Attributes:
        columns: of the k-space, that are transformed.
        size: rows and columns of the images, cropped around the centre.
        voxel_mm: spacing of slices, rows and columns.
    """

    columns: slice
    size: tuple[int, int]
    voxel_mm: tuple[float, float, float]

    def reconstruct(self, kspace: NDArray[np.complex64]) -> Tensor:
        """Gives the coil images of a slice, complex64, (coil, height, width).

        Args:
            kspace: complex64, (coil, row, column).

        Raises:
            Skipped: NaN, infinity, or something measured in columns that aren't transformed.
        """
        if not np.isfinite(kspace).all():
            raise UnusableVolume("'kspace' holds NaN or infinity")
        before, after = kspace[..., : self.columns.start], kspace[..., self.columns.stop :]
        if before.any() or after.any():
            raise UnusableVolume("its slices were measured with different lines")
        images = torch.empty((len(kspace), *self.size), dtype=torch.complex64)
        # coil by coil: a slice of 16 coils is large, and a transform makes several copies
        for image, coil in zip(images, torch.from_numpy(kspace[..., self.columns]), strict=True):
            image.copy_(torch.from_numpy(crop_or_pad(ifft2c(coil).numpy(), self.size)))
        return images


@dataclass(frozen=True)
class RawFile:
    """One file of fully sampled k-space.

    Attributes:
        path: the file.
        shape: of the k-space, (slices, coils, rows, columns).
        readout: how it becomes images.
        attributes: numbers of the protocol, from the header.
    """

    path: Path
    shape: tuple[int, int, int, int]
    geometry: RawGeometry
    attributes: dict[str, float]

    def reconstruct(self) -> Iterator[Tensor]:
        """Gives each slice's coil images, complex64, (coil, height, width).

        Raises:
            Skipped: a slice is damaged; says which.
        """
        with _open_kspace(self.path) as file:
            for index in range(self.shape[0]):
                try:
                    yield self.geometry.reconstruct(_read_slice(file, index, self.shape))
                except UnusableVolume as skipped:
                    raise UnusableVolume(f"slice {index}: {skipped}") from None


def open_raw(path: Path, voxel_mm: Sequence[float] | None) -> RawFile:
    """Finds out how a file's k-space becomes images; reads one slice of it.

    Args:
        path: an HDF5 file with `kspace`, (slice, coil, row, column) or (slice, row, column).
        voxel_mm: of slices, rows and columns, where the file itself doesn't say.

    Raises:
        Skipped: damaged, against the contract, undersampled, or of unknown pixel size.
    """
    try:
        shape = read_header(path, "").shape
    except DataLayoutError as error:
        raise UnusableVolume(str(error).removeprefix(f"{path}: ")) from None
    with _open_kspace(path) as file:
        if "mask" in file:
            raise UnusableVolume(
                "undersampled (it holds a 'mask'); only fully sampled k-space will do"
            )
        header = _read_ismrmrd_header(file)
        columns = find_measured_columns(_read_slice(file, shape[0] // 2, shape))
    if header:
        return RawFile(path, shape, compute_geometry(shape[2:], columns, header), header.attributes)
    voxel = read_provenance(path).voxel_mm or voxel_mm
    if not voxel:
        raise UnusableVolume(
            "no 'ismrmrd_header' and no attribute 'voxel_mm'; give voxel_mm=[5,1,1]"
        )
    stretch = shape[3] / (columns.stop - columns.start)
    size = shape[2], columns.stop - columns.start
    spacing = float(voxel[0]), float(voxel[1]), float(voxel[2]) * stretch
    return RawFile(path, shape, RawGeometry(columns, size, spacing), {})


def find_measured_columns(kspace: NDArray[np.complex64]) -> slice:
    """Gives the columns around the centre that hold all that was measured.

    fastMRI's files are padded with columns of zeros up to the encoded matrix; the header tells how
    many, and so do the zeros. Columns on one side only (partial Fourier) keep their zero partners,
    so that zero frequency stays in the centre.

    Args:
        kspace: complex, (…, row, column), zero frequency at `n // 2`.
    """
    width = kspace.shape[-1]
    measured = np.flatnonzero(kspace.reshape(-1, width).any(0))
    if len(measured) == 0:
        return slice(0, width)
    centre = width // 2
    reach = max(centre - int(measured[0]), int(measured[-1]) + 1 - centre)
    return slice(max(0, centre - reach), min(width, centre + reach))


def compute_geometry(shape: tuple[int, int], columns: slice, header: IsmrmrdHeader) -> RawGeometry:
    """Gives how k-space becomes images of the field of view that is meant to be seen.

    Args:
        shape: of the k-space, rows (readout) and columns (phase).
        columns: that were measured.
        header: of the file.
    """
    encoded = shape[0], columns.stop - columns.start
    voxel = [fov / n for fov, n in zip(header.encoded_mm, encoded, strict=True)]
    wanted = [round(fov / mm) for fov, mm in zip(header.recon_mm, voxel, strict=True)]
    size = min(encoded[0], wanted[0]), min(encoded[1], wanted[1])
    return RawGeometry(columns, size, (header.slice_mm, voxel[0], voxel[1]))


@contextmanager
def _open_kspace(path: Path) -> Generator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        raise UnusableVolume(f"damaged inside ({error})") from None


def _read_ismrmrd_header(file: h5py.File) -> IsmrmrdHeader | None:
    if "ismrmrd_header" not in file:
        return None
    try:
        return parse_header(np.asarray(file["ismrmrd_header"]).item())
    except ValueError as error:
        raise UnusableVolume(f"its 'ismrmrd_header' can't be read: {error}") from None


def _read_slice(file: h5py.File, index: int, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """Reads one slice, (coil, row, column)."""
    data = cast(h5py.Dataset, file["kspace"])
    return np.asarray(data[index], np.complex64).reshape(shape[1:])
