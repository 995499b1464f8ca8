"""From a file of raw k-space to coil images without padding and oversampling."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.data.h5 import Volume, read_header
from flmrcm.data.hdf5 import open_h5
from flmrcm.data.ismrmrd_header import IsmrmrdHeader, parse_header
from flmrcm.data.provenance import read_provenance
from flmrcm.data.stored_sampling import read_stored_sampling
from flmrcm.errors import DataLayoutError
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.kspace_peak import KspacePeak, center_peak, measure_peak
from flmrcm.prepare.geometry import crop_or_pad
from flmrcm.prepare.phase_band import compute_band
from flmrcm.prepare.scan import PhaseBand, UnusableVolume


@dataclass(frozen=True)
class RawGeometry:
    """The steps from k-space to images.

    Attributes:
        columns: the columns of the k-space that are transformed.
        size: number of rows and columns of the images, cropped around the centre.
        voxel_mm: spacing of slices, rows and columns of the images in mm.
        peak: the peak that is moved to the centre first; None moves nothing.
    """

    columns: slice
    size: tuple[int, int]
    voxel_mm: tuple[float, float, float]
    peak: KspacePeak | None = None

    def reconstruct(self, kspace: NDArray[np.complex64]) -> Tensor:
        """Return the coil images of a slice, complex64, (coils, rows, columns).

        Args:
            kspace: complex64, (coils, rows, columns).

        Raises:
            UnusableVolume: NaN, infinity, or values in columns that aren't transformed.
        """
        if not np.isfinite(kspace).all():
            raise UnusableVolume("'kspace' holds NaN or infinity")
        if self.peak:
            kspace = center_peak(kspace, self.peak)
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
        header: path and sizes.
        geometry: the steps from k-space to images.
        phase_band: what was acquired along the columns.
        attributes: scan parameters from the header.
    """

    header: Volume
    geometry: RawGeometry
    phase_band: PhaseBand
    attributes: dict[str, Any]

    def __len__(self) -> int:
        return self.header.shape[0]

    def reconstruct(self) -> Iterator[Tensor]:
        """Yield the coil images of each slice, complex64, (coils, rows, columns).

        Raises:
            UnusableVolume: a slice is damaged; the message names it.
        """
        with _open_kspace(self.header.path) as file:
            for index in range(len(self)):
                try:
                    yield self.geometry.reconstruct(_read_slice(file, index, self.header))
                except UnusableVolume as problem:
                    raise UnusableVolume(f"slice {index}: {problem}") from None


@dataclass(frozen=True)
class RawReading:
    """What the user says of files of raw k-space.

    Attributes:
        voxel_mm: spacing of slices, rows and columns as they are stored, in mm, for a file that
            doesn't hold it.
        phase_encoding: columns | rows, for a file that doesn't say it; None means columns.
        center: whether the peak of the k-space is moved to its centre.
    """

    voxel_mm: Sequence[float] | None = None
    phase_encoding: str | None = None
    center: bool = False


def open_raw(path: Path, reading: RawReading) -> RawFile:
    """Return what is needed to reconstruct a file; of its k-space one slice is read.

    Args:
        path: an HDF5 file with `kspace`, (slices, coils, rows, columns) or (slices, rows, columns).
        reading: what the user says of it.

    Raises:
        UnusableVolume: damaged, of another format, undersampled, or of unknown pixel size.
    """
    with _open_kspace(path) as file:
        volume = read_header(path, "", phase_encoding=reading.phase_encoding)
        if signs := read_stored_sampling(volume).undersampling:
            raise UnusableVolume(
                f"undersampled ({signs}), but only fully sampled k-space can be used"
            )
        header = _read_ismrmrd_header(file)
        # the middle slice: those at the ends may be empty
        kspace = _read_slice(file, volume.shape[0] // 2, volume)
    peak = measure_peak(kspace) if reading.center else None
    kspace = center_peak(kspace, peak) if peak else kspace
    columns = find_measured_columns(kspace)
    geometry = _find_geometry(volume, columns, header, reading.voxel_mm)
    band = _find_band(kspace[..., columns], geometry.voxel_mm[2])
    shift = {"kspace_shift": np.array([-peak.rows, -peak.columns])} if peak else {}
    numbers = header.attributes if header else {}
    return RawFile(volume, replace(geometry, peak=peak), band, {**numbers, **shift})


def _find_geometry(
    volume: Volume,
    columns: slice,
    header: IsmrmrdHeader | None,
    voxel_mm: Sequence[float] | None,
) -> RawGeometry:
    n_rows, n_columns = volume.shape[2:]
    if header:
        return compute_geometry((n_rows, n_columns), columns, header)
    voxel = read_provenance(volume.path).voxel_mm or voxel_mm
    if not voxel:
        raise UnusableVolume(
            "no 'ismrmrd_header' and no attribute 'voxel_mm'; give voxel_mm=[5,1,1]"
        )
    through, *inside = map(float, voxel)
    down, across = inside[::-1] if volume.is_turned else inside
    # fewer columns over the same field of view give wider pixels
    n_measured = columns.stop - columns.start
    return RawGeometry(
        columns, (n_rows, n_measured), (through, down, across * n_columns / n_measured)
    )


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


def _find_band(kspace: NDArray[np.complex64], pixel_mm: float) -> PhaseBand:
    """Return what was acquired of the columns that are transformed; all where nothing was."""
    width = kspace.shape[-1]
    measured = np.flatnonzero(kspace.reshape(-1, width).any(0))
    first, last = (int(measured[0]), int(measured[-1])) if len(measured) else (0, width - 1)
    return compute_band(slice(first, last + 1), width, pixel_mm)


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


def _read_slice(file: h5py.File, index: int, volume: Volume) -> NDArray[np.complex64]:
    """Return one slice, complex64, (coils, rows, columns)."""
    data = cast(h5py.Dataset, file["kspace"])
    return volume.turn(np.asarray(data[index], np.complex64)).reshape(volume.shape[1:])
