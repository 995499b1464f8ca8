"""From a stored array and its affine to slices that lie as every other volume's do."""

from typing import NamedTuple

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import (
    aff2axcodes,
    apply_orientation,
    axcodes2ornt,
    io_orientation,
    ornt_transform,
)
from numpy.typing import NDArray

from flmrcm.data.provenance import CANONICAL_ORIENTATION
from flmrcm.prepare.scan import UnusableVolume

PLANES = {"axial": CANONICAL_ORIENTATION, "coronal": "PIL", "sagittal": "LIP"}
"""Where slices, rows and columns lead to, for each plane a volume may be sliced in."""


class OrientedArray(NamedTuple):
    """A reoriented array.

    Attributes:
        image: (slice, height, width), a view where that's possible.
        voxel_mm: spacing of slices, rows and columns.
        orientation: where slices, rows and columns lead to now, such as `SPL`.
        native_orientation: where the stored axes led to, such as `RAS`.
    """

    image: NDArray[np.generic]
    voxel_mm: tuple[float, float, float]
    orientation: str
    native_orientation: str


def reorient(
    array: NDArray[np.generic], affine: NDArray[np.floating], plane: str = "axial"
) -> OrientedArray:
    """Permutes and flips axes only: no value changes, an oblique scan stays oblique.

    Args:
        array: three axes in any order.
        affine: (4, 4), from indices to millimetres; x leads to the right, y to the front, z up
            (RAS+, as NIfTI; DICOM's patient coordinates have x and y negated).
        plane: axial | coronal | sagittal; the nearest one where the scan is oblique.

    Raises:
        Skipped: the affine can't be inverted.
    """
    matrix = np.asarray(affine, np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(_compute_directions(matrix))) < 1e-3:
        raise UnusableVolume("its affine can't be inverted, so nobody knows where its axes lead to")
    native, wanted = io_orientation(matrix), axcodes2ornt(PLANES[plane])
    change = ornt_transform(native, wanted)
    order = np.argsort(change[:, 0])
    sizes = [float(size) for size in voxel_sizes(matrix)[order]]
    image = apply_orientation(array, change)
    codes = "".join(map(str, aff2axcodes(matrix)))
    return OrientedArray(image, (sizes[0], sizes[1], sizes[2]), PLANES[plane], codes)


def _compute_directions(affine: NDArray[np.floating]) -> NDArray[np.floating]:
    """Unit vectors along the axes, so that the test doesn't depend on the voxels' size."""
    columns = affine[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    return columns / np.where(lengths > 0, lengths, 1)
