"""Where the voxels of a whole scan lie."""

from pathlib import Path

from flmrcm.data.h5 import Volume
from flmrcm.runs.placement import locate_voxels


def make_header(kspace, image=None, **fields):
    """Return the header of a scan: shape of its k-space, one coil, and matrix of its target."""
    shape = (kspace[0], 1, *kspace[1:])
    return Volume(Path("scan.h5"), "", shape, "target", image or kspace[1:], **fields)


def locate(provenance, shape):
    """Return the affine of a reconstruction that is as large as its scan."""
    return locate_voxels(provenance, make_header(shape), shape)
