"""Files of raw multi-coil k-space in fastMRI's layout, small; every value is invented."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from kits.factories import smooth_images

from flmrcm.mri.coils import expand_coils, make_birdcage_maps, rss
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.prepare.geometry import crop_or_pad

SLICES, COILS, ROWS, COLUMNS = 2, 4, 64, 32
"""Shape of the k-space; the readout is oversampled twice, so the image of the head has 32 rows."""

MEASURED = slice(4, 28)
"""The measured columns; the others are zero."""

_HEADER = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
  <subjectInformation><patientName>{name}</patientName></subjectInformation>
  <acquisitionSystemInformation>
    <systemVendor>{name}</systemVendor><systemFieldStrength_T>2.89</systemFieldStrength_T>
  </acquisitionSystemInformation>
  <encoding>
    <encodedSpace>
      <matrixSize><x>64</x><y>32</y><z>1</z></matrixSize>
      <fieldOfView_mm><x>440</x><y>220</y><z>7.5</z></fieldOfView_mm>
    </encodedSpace>
    <reconSpace>
      <matrixSize><x>32</x><y>32</y><z>1</z></matrixSize>
      <fieldOfView_mm><x>220</x><y>{shown}</y><z>5</z></fieldOfView_mm>
    </reconSpace>
    <encodingLimits><kspace_encoding_step_1>
      <minimum>0</minimum><maximum>23</maximum><center>12</center>
    </kspace_encoding_step_1></encodingLimits>
  </encoding>
  <sequenceParameters><TR>500</TR><TE>9.8</TE><flipAngle_deg>70</flipAngle_deg></sequenceParameters>
</ismrmrdHeader>"""


def header(name: str = "Doe", shown: float = 220) -> str:
    """Return an ISMRMRD header with a name in its text fields.

    Args:
        name: the name.
        shown: final field of view along the phase direction, mm.
    """
    return _HEADER.format(name=name, shown=shown)


def head(slices: int = SLICES) -> torch.Tensor:
    """Return images, complex64, (slices, 32, 32), of a head that fills half of the readout."""
    rows, columns = torch.meshgrid(*[torch.linspace(-1, 1, 32)] * 2, indexing="ij")
    inside = rows**2 + columns**2 < 0.8
    return inside * (0.5 + torch.from_numpy(smooth_images(slices, (32, 32))).abs())


def raw_kspace(measured: slice = MEASURED) -> np.ndarray:
    """Return k-space, (slices, coils, 64, 32), zero outside the measured columns."""
    coil_images = expand_coils(head(), make_birdcage_maps(COILS, 32, 32)).numpy()
    kspace = fft2c(torch.from_numpy(crop_or_pad(coil_images, (ROWS, COLUMNS)))).numpy()
    padded = np.zeros_like(kspace)
    padded[..., measured] = kspace[..., measured]
    return padded


def write_kspace(path: Path, kspace: np.ndarray, target: bool = True, **more: Any) -> Path:
    """Write k-space with a target made from it, and more: arrays are data sets, others attributes.

    Args:
        path: the new file; parent folders are created.
        kspace: (slices, rows, columns) or (slices, coils, rows, columns).
        target: whether to write a target.
        more: by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace.astype(np.complex64)
        if target:
            images = ifft2c(torch.from_numpy(kspace.astype(np.complex64)))
            key = "reconstruction_esc" if kspace.ndim == 3 else "reconstruction_rss"
            file[key] = (images.abs() if kspace.ndim == 3 else rss(images)).numpy()
        for name, value in more.items():
            if isinstance(value, np.ndarray):
                file[name] = value
            else:
                file.attrs[name] = value
    return path


def plain_kspace(size: tuple[int, int] = (16, 32), slices: int = 2) -> np.ndarray:
    """Return fully sampled k-space of one coil, (slices, rows, columns), its peak in the centre."""
    image = torch.from_numpy(smooth_images(slices, size)).abs() + 0.5
    return fft2c(image.to(torch.complex64)).numpy()


def write_raw(
    folder: Path,
    name: str = "file_brain_AXT1_200_6002217",
    kspace: np.ndarray | None = None,
    xml: str | None = None,
    **attributes: str,
) -> Path:
    """Write one file of fastMRI's layout: k-space, target, header and these attributes.

    As in fastMRI, the target is the root sum of squares, cropped to the final field of view.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kspace = raw_kspace() if kspace is None else kspace
    path = folder / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace
        file["ismrmrd_header"] = xml or header()
        target = rss(ifft2c(torch.from_numpy(kspace))).numpy()
        file["reconstruction_rss"] = crop_or_pad(target, (32, 32))
        file.attrs.update(
            {"acquisition": name.split("_")[-3:][0], "patient_id": "a1b2"} | attributes
        )
    return path
