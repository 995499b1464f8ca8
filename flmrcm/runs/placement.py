"""Where the voxels of a reconstruction lie."""

import numpy as np
from nibabel.orientations import axcodes2ornt
from numpy.typing import NDArray

from flmrcm.data.h5 import Volume
from flmrcm.data.provenance import Provenance
from flmrcm.data.transforms import find_crop_start


def locate_voxels(
    provenance: Provenance, scan: Volume, shape: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """Return the affine, (4, 4), from (slice, row, column) to mm, RAS+; None without orientation.

    A scan that says where it lies keeps that. Of others the directions and sizes are known, and
    the origin is the middle of the volume.

    Args:
        provenance: of the scan.
        scan: header of the scan.
        shape: slices, rows and columns of the reconstruction along the axes that the scan is stored
            in, a central part of its image.
    """
    if not provenance.edges and not provenance.affine:
        return None
    (rows, columns), (height, width) = scan.shape[2:], scan.image_shape
    kspace, image = (rows, columns), (height, width)
    if scan.is_turned:
        kspace, image = (columns, rows), (width, height)
    if provenance.affine:
        affine = np.array(provenance.affine)
    else:
        affine = _build_affine(provenance)
        # where the Fourier transform has its middle, so that two crops of a scan lie on each other
        middle = (k // 2 - (k - n) // 2 for k, n in zip(kspace, image, strict=True))
        affine[:3, 3] = -affine[:3, :3] @ [shape[0] // 2, *middle]
    top, left = find_crop_start(kspace, image, (shape[1], shape[2]))
    affine[:3, 3] += affine[:3, :3] @ [0, top, left]
    return affine


def _build_affine(provenance: Provenance) -> NDArray[np.float64]:
    """Return the directions of the axes, times the sizes of voxels."""
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    sizes = provenance.voxel_mm or (1.0, 1.0, 1.0)
    for index, (axis, sign) in enumerate(axcodes2ornt(provenance.orientation.upper())):
        affine[int(axis), index] = sign * sizes[index]
    return affine
