"""From a stored array and its affine to slices in the same orientation for all volumes."""

from typing import NamedTuple

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import (
    aff2axcodes,
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from numpy.typing import NDArray

from flmrcm.data.provenance import CANONICAL_ORIENTATION
from flmrcm.prepare.scan import UnusableVolume

PLANES = {"axial": CANONICAL_ORIENTATION, "coronal": "PIL", "sagittal": "LIP"}
"""Plane → directions in which slices, rows and columns are numbered."""


class OrientedArray(NamedTuple):
    """An array in its new orientation.

    Attributes:
        image: (slices, rows, columns), a view of the original if possible.
        voxel_mm: spacing of slices, rows and columns in mm.
        orientation: new directions of slices, rows and columns, such as `SPL`.
        native_orientation: directions of the stored axes, such as `RAS`.
        affine: (4, 4), from the new indices to mm.
    """

    image: NDArray[np.generic]
    voxel_mm: tuple[float, float, float]
    orientation: str
    native_orientation: str
    affine: NDArray[np.float64]


def reorient(
    array: NDArray[np.generic], affine: NDArray[np.floating], plane: str = "axial"
) -> OrientedArray:
    """Return the array with its axes permuted and flipped; no value changes.

    An oblique scan stays oblique, its slices are nearest to the plane.

    Args:
        array: three axes in any order.
        affine: (4, 4), from indices to mm, with x to the right, y to the front and z upwards (RAS+,
            as in NIfTI; in the patient coordinates of DICOM, x and y have the opposite sign).
        plane: axial | coronal | sagittal: plane of the slices.

    Raises:
        UnusableVolume: the affine can't be inverted.
    """
    matrix = np.asarray(affine, np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(_compute_directions(matrix))) < 1e-3:
        raise UnusableVolume(
            "its affine can't be inverted, so the directions of its axes are unknown"
        )
    change = ornt_transform(io_orientation(matrix), axcodes2ornt(PLANES[plane]))
    order = np.argsort(change[:, 0])
    sizes = [float(size) for size in voxel_sizes(matrix)[order]]
    image = apply_orientation(array, change)
    codes = "".join(map(str, aff2axcodes(matrix)))
    moved = matrix @ inv_ornt_aff(change, array.shape)
    return OrientedArray(image, (sizes[0], sizes[1], sizes[2]), PLANES[plane], codes, moved)


def _compute_directions(affine: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return unit vectors along the axes, (3, 3), so that the size of voxels plays no role."""
    columns = affine[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    return columns / np.where(lengths > 0, lengths, 1)
