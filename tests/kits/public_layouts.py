"""Stand-ins for public raw data, each in exactly its published layout, but small and invented.

Nobody's scan is in them: a phantom that looks different from every side, seen by a ring of coils.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from kits.raw_files import write_kspace
from numpy.typing import NDArray
from scipy import io

from flmrcm.mri.coils import expand_coils, make_birdcage_maps
from flmrcm.mri.fourier import fft2c
from flmrcm.prepare.geometry import crop_or_pad

Size = tuple[int, int]


def phantom(slices: int = 4, size: Size = (32, 24)) -> NDArray[np.float32]:
    """Return a head, (slices, rows, columns), bright at the top left; its ends are empty slices."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    head = 0.6 * ((rows / 0.85) ** 2 + (columns / 0.7) ** 2 < 1)
    eye = 0.4 * ((rows + 0.4) ** 2 + (columns + 0.25) ** 2 < 0.04)
    shade = np.linspace(1, 0.8, slices)[:, None, None]
    volume = shade * (head + eye)
    volume[[0, -1]] = 0
    return volume.astype(np.float32)


def coil_images(image: NDArray[np.float32], coils: int = 4) -> torch.Tensor:
    """Return what coils see, (slices, coils, rows, columns): image is its root sum of squares."""
    maps = make_birdcage_maps(coils, *image.shape[-2:])
    return expand_coils(torch.from_numpy(image).to(torch.complex64), maps)


def write_cc359(
    folder: Path,
    name: str = "e14110s3_P59904.7",
    image: NDArray[np.float32] | None = None,
    sampled: float = 1.0,
    **kspace: Any,
) -> Path:
    """Write one file of CC359: real and imaginary parts in turns, slices in image space already.

    Args:
        folder: parent folder.
        name: of the file, without suffix.
        image: (slices, rows, columns).
        sampled: share of the samples that aren't zero.
        kspace: `kspace=array` is written instead.
    """
    images = coil_images(phantom(8, (28, 20)) if image is None else image, 3).numpy()
    # the image isn't shifted before the transform: its first pixel is the origin
    stored = np.fft.fftshift(np.fft.fft2(images, norm="ortho"), axes=(-2, -1))
    width = stored.shape[-1]
    end = int(np.ceil(0.85 * width))
    stored[..., end:] = 1e-4 * stored[..., end:]  # as in the originals, nearly zero
    stored[..., np.random.default_rng(0).random(stored.shape[-2:]) >= sampled] = 0
    parts = np.moveaxis(stored, 1, -1)
    pairs = np.stack([parts.real, parts.imag], -1).reshape(*parts.shape[:-1], -1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace.get("kspace", pairs.astype(np.float32))
    return path


M4RAW_ACQUIRED = slice(4, 28)
"""The acquired columns of a stand-in; those of the originals are 30 to 224 of 256."""


def write_m4raw(
    folder: Path, name: str = "2022061003_T101", noise: float = 0.0, scale: float = 1.0
) -> Path:
    """Write one repetition of M4Raw, of 32×32, with noise in k-space that depends on its name."""
    kspace = scale * fft2c(coil_images(phantom(6, (32, 32)))).numpy()
    rng = np.random.default_rng(sum(name.encode()))
    kspace += noise * rng.standard_normal((*kspace.shape, 2)).astype(np.float32).view(
        np.complex64
    ).squeeze(-1)
    padded = np.zeros_like(kspace)
    padded[..., M4RAW_ACQUIRED] = kspace[..., M4RAW_ACQUIRED]
    header = np.bytes_("<ns0:ismrmrdHeader xmlns:ns0='http://www.ismrm.org/ISMRMRD'/>")
    return write_kspace(
        folder / f"{name}.h5",
        padded,
        acquisition="AXT1",
        patient_id="88448eec",
        ismrmrd_header=np.array(header),
    )


PLACE = "MultiCoil/Cine/TrainingSet/FullSample/Center005/Siemens_30T_Vida/P003"
TABLE = {
    "FieldStrength(T)": "3.0", "FOVx(mm)": "320", "FOVy(mm)": "240", "ReconMatrix_X": "32",
    "ReconMatrix_Y": "24", "SliceNum": "4", "SliceThickness(mm)": "8", "CoilNumber": "4",
    "TemporalPhase": "3", "ReadOutOversample": "2", "TR(ms)": "40", "TE(ms)": "1.4",
}  # fmt: skip
"""A table whose pixels are 10 mm × 10 mm for 64 × 24 samples; the keys are the originals'."""


def cine_kspace(frames: int = 3, slices: int = 4, size: Size = (32, 24)) -> NDArray[np.complex64]:
    """Return k-space, (frames, slices, coils, kx, ky), the readout oversampled twice.

    Frame t is t + 1 times as bright as the first.
    """
    images = coil_images(phantom(slices, size)).numpy()
    wide = torch.from_numpy(crop_or_pad(images, (2 * size[0], size[1])))
    return np.stack([(frame + 1) * fft2c(wide).numpy() for frame in range(frames)])


def write_cmrxrecon(
    root: Path,
    place: str = PLACE,
    name: str = "cine_sax",
    kspace: NDArray[np.complex64] | None = None,
    key: str = "kspace",
    table: dict[str, str] | None = TABLE,
    version: str = "7.3",
) -> Path:
    """Write one file of CMRxRecon and the table beside it.

    Args:
        root: the folder above `place`.
        place: folders from the kind of coils to the patient.
        name: of the file, without suffix.
        kspace: (…, kx, ky), as `cine_kspace` returns it.
        key: name of the variable.
        table: rows of the table; None writes none.
        version: 7.3 | 5: of MATLAB's format.
    """
    path = root / place / f"{name}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = np.swapaxes(cine_kspace() if kspace is None else kspace, -2, -1)
    if version == "5":
        io.savemat(path, {key: stored.T})
    else:
        _write_v73(path, key, stored)
    if table is not None:
        rows = "\n".join(f"{row},{value}" for row, value in table.items())
        (path.parent / f"{name}_info.csv").write_text(f"Parameter,Value\n{rows}\n")
    return path


def _write_v73(path: Path, key: str, stored: NDArray[np.complex64]) -> None:
    """Write HDF5 as MATLAB does: behind 512 bytes of its own, complex numbers as pairs, chunks."""
    pairs = np.empty(stored.shape, [("real", "<f8"), ("imag", "<f8")])
    pairs["real"], pairs["imag"] = stored.real, stored.imag
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset(key, data=pairs, compression="gzip", chunks=True)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(116) + bytes(8) + b"\0\2IM")
