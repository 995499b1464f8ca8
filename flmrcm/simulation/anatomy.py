"""Anatomy of simulated people: real tissue maps, deformed into the head of one person.

The maps are the MNI152 averages that nilearn contains (grey and white matter, brain mask; 1 mm).
They hold no CSF, skull or scalp: CSF is the rest of the brain, the others are layers around it.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from flmrcm.mri.random_fields import draw_smooth_field
from flmrcm.seeding import seed_for
from flmrcm.simulation.tissues import TISSUES

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

FLOOR_MM, CEILING_MM = -6.0, 56.0  # cerebrum: from the basal ganglia to below the vertex
HEAD_CENTER_MM = np.array([0.0, -17.0, 0.0])  # (z, y, x) in MNI space

_CROPPED_Z_MM = (-40.0, 100.0)  # the heights that a tilted, deformed head can reach
_SHARPNESS = 3  # averages over 152 people are blurred; a power makes edges sharp again
_TEXTURE, _TEXTURE_MM = 0.03, 5.0  # standard deviation, and length over which it varies
_FISSURE_MM = 8.0
_WARPS_MM = ((60.0, 2.6), (22.0, 0.7))  # (length over which a deformation varies, amplitude)
_STRETCH, _TILT_DEGREES = 0.035, 3.0  # standard deviations between people


@dataclass(frozen=True)
class Grid:
    """The positions of the pixels of axial slices, in mm around the centre of the head.

    Attributes:
        size: number of rows and of columns.
        field_mm: side of the square field of view, mm.
        slices: number of slices, spread evenly through the cerebrum.
        thickness_mm: thickness of a slice, mm; thick slices are averages of several planes.
    """

    size: int
    field_mm: float
    slices: int
    thickness_mm: float = 1.0

    @property
    def spacing_mm(self) -> float:
        """Distance between the middles of neighbouring slices, mm."""
        return (CEILING_MM - FLOOR_MM) / self.slices

    @property
    def planes(self) -> int:
        """Number of planes that are averaged into a slice."""
        return max(1, round(self.thickness_mm / 1.5))

    def compute_axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return coordinates (z, y, x) in mm, of shapes (slices · planes,), (rows,) and (columns,).

        z increases upwards; rows go from front to back, columns from right to left.
        """
        middles = FLOOR_MM + self.spacing_mm * (np.arange(self.slices) + 0.5)
        planes = self.thickness_mm * ((np.arange(self.planes) + 0.5) / self.planes - 0.5)
        pixel = self.field_mm / self.size
        # pixel size // 2 is the origin, as in the centred Fourier transform
        across = pixel * np.arange(self.size // 2, self.size // 2 - self.size, -1, dtype=np.float64)
        return (middles[:, None] + planes).ravel(), across, across.copy()


def compute_tissue_amounts(grid: Grid, *address: object) -> NDArray[np.float32]:
    """Return the amount of each tissue in each pixel of one person's head.

    Args:
        grid: positions of the pixels; the person is the same for every grid.
        address: seed address; equal addresses are the same person.

    Returns:
        float32, (tissues, slices, rows, columns), tissues in the order of `TISSUES`. The sum over
        tissues is 1 in the head, apart from a few per cent of texture, and 0 outside.
    """
    rng = np.random.default_rng(seed_for(*address, "anatomy"))
    skull_mm = np.cumsum([2.0, 1.8, rng.uniform(1.5, 3.5), 1.8, rng.uniform(2.0, 4.5), 1.5])
    csf_weight = np.exp(rng.normal(0, 0.12))
    points = _warp_points(grid, rng)
    white, grey, csf, outside = (_sample_map(volume, points) for volume in _load_base_maps())
    brain = np.stack([white, grey, csf * np.float32(csf_weight)]) ** _SHARPNESS
    brain /= np.maximum(brain.sum(0), 1e-6)
    # each surface lies at one distance from the brain's, 1 mm soft
    inside = [np.clip(edge - outside + 0.5, 0, 1) for edge in (0.0, *skull_mm)]
    layers = [outer - inner for inner, outer in pairwise(inside)]
    space, table, diploe, inner_table, fat, skin = layers
    amounts = np.stack([*brain * inside[0], table + inner_table, diploe, fat, skin])
    amounts[2] += space
    amounts *= 1 + _TEXTURE * draw_smooth_field(rng, grid.compute_axes(), _TEXTURE_MM)
    shape = (len(TISSUES), grid.slices, grid.planes, grid.size, grid.size)
    return amounts.reshape(shape).mean(2, dtype=np.float32)


def _warp_points(grid: Grid, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the MNI coordinates (z, y, x) of a person's pixels, mm, (3, planes, rows, columns)."""
    axes = grid.compute_axes()
    points = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    for scale, amplitude in _WARPS_MM:
        for component in points:
            component += amplitude * draw_smooth_field(rng, axes, scale)
    stretch = np.diag(1 + np.clip(rng.normal(0, _STRETCH, 3), -0.07, 0.07))
    matrix = _make_rotation(rng.normal(0, np.radians(_TILT_DEGREES), 3)) @ stretch
    shift = HEAD_CENTER_MM + rng.normal(0, 1.5, 3)
    points = np.einsum("ij,j...->i...", matrix.astype(np.float32), points)
    return points + shift.astype(np.float32)[:, None, None, None]


def _make_rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation matrix, (3, 3), of three angles in radians, one per pair of axes."""
    matrix = np.eye(3)
    for angle, (i, j) in zip(angles, ((0, 1), (0, 2), (1, 2)), strict=True):
        rotation = np.eye(3)
        rotation[i, i] = rotation[j, j] = np.cos(angle)
        rotation[i, j], rotation[j, i] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ rotation
    return matrix


def _sample_map(volume: "_TissueMap", points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of a map at MNI coordinates (3, planes, rows, columns), interpolated."""
    voxels = points - volume.origin_mm.astype(np.float32)[:, None, None, None]
    values = np.empty(voxels.shape[1:], np.float32)
    ndimage.map_coordinates(volume.values, voxels, values, order=1, mode="nearest")
    return values


@dataclass(frozen=True)
class _TissueMap:
    """A 1 mm map: values (z, y, x), and the MNI coordinates of voxel (0, 0, 0), (3,)."""

    values: NDArray[np.float32]
    origin_mm: NDArray[np.float64]


@cache
def _load_base_maps() -> tuple[_TissueMap, ...]:
    """Return white matter, grey matter and CSF in [0, 1], and the height above the brain, mm."""
    # nilearn takes a second to import, and most runs find their data in the cache
    from nilearn import datasets

    white, origin = _crop_template(datasets.load_mni152_wm_template(resolution=1))
    grey, _ = _crop_template(datasets.load_mni152_gm_template(resolution=1))
    mask, _ = _crop_template(datasets.load_mni152_brain_mask(resolution=1))
    brain = _close_fissures(mask > 0)
    csf = np.clip(brain - white - grey, 0, 1)
    outside = _compute_height(brain)
    return tuple(_TissueMap(values, origin) for values in (white, grey, csf, outside))


def _close_fissures(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask with its fissures filled: a skull is smoother than the brain inside it."""
    return _compute_distance(_compute_distance(mask) > _FISSURE_MM) > _FISSURE_MM


def _compute_height(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance of each voxel from the mask's surface, mm; negative inside."""
    # a surface lies half a voxel before the middle of the first voxel behind it
    outside, inside = _compute_distance(mask), _compute_distance(~mask)
    return np.where(mask, 0.5 - inside, outside - 0.5)


def _compute_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance of each voxel from the mask, mm; 0 inside."""
    return np.asarray(ndimage.distance_transform_edt(~mask), np.float32)


def _crop_template(image: "Nifti1Image") -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the values (z, y, x) at the heights that are used, and the first voxel's position."""
    corner = np.asarray(image.affine)[:3, 3][::-1]
    first, last = (int(height - corner[0]) for height in _CROPPED_Z_MM)
    values = np.asarray(image.dataobj, np.float32)[:, :, first:last].transpose(2, 1, 0)
    return np.ascontiguousarray(values), corner + np.array([first, 0, 0])
