"""From an oblique scan to files that viewers open: a place in the head keeps its millimetres."""

from pathlib import Path

import h5py
import nibabel
import numpy as np
import pydicom
import pytest
from kits.prepare import head, write_nifti
from kits.scans import UNET, reconstruct, write_unet
from nibabel.affines import from_matvec
from nibabel.eulerangles import euler2mat

from flmrcm.app import main

OBLIQUE = from_matvec(euler2mat(0.3, 0.2, 0.1) @ np.diag([1.2, 1.2, 3.0]), [7.0, -50.0, 30.0])
MARKED = (5, 13, 3)
"""A bright voxel of the original, (right, front, up)."""

SHARES = "split={train: [], val: [], test: ['01']}"


@pytest.fixture
def marked():
    """Prepares a head with a mark, without resampling; returns its file and the mark's indices."""
    image = head((12, 24, 8))
    image[MARKED] = 1000
    write_nifti(Path("in/sub-01_T1w.nii"), image, OBLIQUE)
    words = ["size=[25,16]", "pixel_mm=null", "sheets=false"]
    main(["prepare", "source=nifti", "input=in", "output=site", SHARES, *words])
    (path,) = Path("site").rglob("*.h5")
    with h5py.File(path) as file:
        target = file[
            "reconstruction_rss" if "reconstruction_rss" in file else "reconstruction_esc"
        ]
        return path, np.unravel_index(np.argmax(target), target.shape), target.shape


def test_a_mark_lies_in_every_format_where_it_lies_in_the_original(marked):
    path, mark, stored = marked
    for kind in ("nifti", "dicom", "h5"):
        words = [write_unet(), *UNET, f"input={path}", f"format={kind}", "data.resolution=11"]
        reconstruct(*words, f"output={kind}")
    shown = np.subtract(mark, [0, *((n - 11) // 2 for n in stored[1:])])
    expected = OBLIQUE @ [*MARKED, 1]
    (nifti,) = Path("nifti").rglob("*.nii.gz")
    np.testing.assert_allclose(nibabel.load(nifti).affine @ [*shown[::-1], 1], expected, atol=1e-4)
    (h5,) = Path("h5").rglob("*.h5")
    with h5py.File(h5) as file:
        np.testing.assert_allclose(file.attrs["affine"] @ [*shown, 1], expected)
    files = [pydicom.dcmread(file) for file in sorted(Path("dicom").rglob("*.dcm"))]
    np.testing.assert_allclose(find_place(files[shown[0]], *shown[1:]), expected[:3], atol=1e-4)


def find_place(file, row, column):
    """Return where a pixel of a DICOM image lies, mm, RAS+ (DICOM standard, C.7.6.2.1.1)."""
    along_row, along_column = np.reshape(file.ImageOrientationPatient, (2, 3)).astype(float)
    down, right = map(float, file.PixelSpacing)
    place = np.array(file.ImagePositionPatient, float) + along_row * right * column
    return (place + along_column * down * row) * [-1, -1, 1]
