"""Tumour-like lesions of simulated people: a necrotic core, a solid rim, and oedema around them.

Core and rim replace grey and white matter; oedema spreads along the white matter and spares the
cortex, as that of gliomas does. The same tissue in the same place is what Prastawa et al. (Med.
Image Anal. 13 (2009) 297) grow by a model of the tumour; here a random border takes its place.
Nothing is pushed aside.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from flmrcm.mri.random_fields import draw_smooth_field
from flmrcm.seeding import seed_for
from flmrcm.simulation.anatomy import CEILING_MM, FLOOR_MM, Grid, compute_tissue_amounts

LESION_FORMAT = 1
"""Raise it whenever an equal person would get another lesion: old cache folders are then unused."""

PARTS = ("core", "rim", "oedema")

_COARSE = Grid(size=56, field_mm=224.0, slices=20)  # fine enough to choose a place
_MARGIN_MM = 12.0  # from the lowest and the highest slice to the centre
_TUMOUR_MM, _CORE_SHARE, _OEDEMA_MM = (10.0, 19.0), (0.45, 0.7), (5.0, 13.0)
_ELONGATION = 0.15  # standard deviation of the logarithm of the semi-axes
_BORDERS = (((16.0, 0.3), (7.0, 0.2)), ((20.0, 0.35), (7.0, 0.2)))
"""Of the tumour and of its oedema: (length over which the radius varies, mm; its share)."""

_SOFT_MM = (1.5, 1.5, 4.0)  # width of each part's edge
_SMALLEST_SHARE = 0.3  # of its mean radius, to which a border may shrink
_FALX_MM = 4.0  # beyond the middle of the head, where a lesion ends
_LEAST_TISSUE = 0.4  # white and grey matter of a pixel that counts wholly
_REACH = 2.2  # farthest point of a border, in mean radii


@dataclass(frozen=True)
class Lesion:
    """One tumour in one head.

    Attributes:
        center_mm: (z, y, x), as `Grid` counts.
        radii_mm: mean radii of core, rim and oedema, growing.
        stretch: semi-axes along (z, y, x), relative to the radii.
        seed: of its border.
    """

    center_mm: tuple[float, ...]
    radii_mm: tuple[float, ...]
    stretch: tuple[float, ...]
    seed: int


class GrownLesion(NamedTuple):
    """A head with a lesion.

    Attributes:
        amounts: float32, (tissues + 3, slices, rows, columns): what is left of the tissues, in
            their order, then core, rim and oedema.
        tumour: float32, (slices, rows, columns), in [0, 1]: how much of a pixel's white and grey
            matter is core or rim; oedema is part of the surroundings.
    """

    amounts: NDArray[np.float32]
    tumour: NDArray[np.float32]


def draw_lesion(*person: object) -> Lesion:
    """Return the lesion of a person: in the white matter, deep enough to lie in the brain.

    Args:
        person: seed address of the anatomy; place, size and border depend on nothing else, so they
            are the same in every contrast and matrix.
    """
    rng = np.random.default_rng(seed_for(*person, "lesion"))
    tumour = rng.uniform(*_TUMOUR_MM)
    radii = rng.uniform(*_CORE_SHARE) * tumour, tumour, tumour + rng.uniform(*_OEDEMA_MM)
    stretch = tuple(map(float, np.exp(rng.normal(0, _ELONGATION, 3))))
    center = _choose_place(compute_tissue_amounts(_COARSE, *person), tumour, rng)
    return Lesion(center, radii, stretch, seed_for(*person, "lesion", "border"))


def grow_lesion(lesion: Lesion, grid: Grid, amounts: NDArray[np.float32]) -> GrownLesion:
    """Return a person's tissues with the lesion in their midst; fluid, skull and skin stay.

    Args:
        lesion: of the person.
        grid: positions of the pixels.
        amounts: the person's tissues on this grid, as `compute_tissue_amounts` gives them.
    """
    core, tumour, whole = _fill_borders(lesion, grid)
    tissue = amounts[0] + amounts[1]
    # what of white and of grey matter becomes a part of the lesion
    parts = np.stack([core * tissue, (tumour - core) * tissue, (whole - tumour) * amounts[0]])
    left = amounts.copy()
    left[0] *= 1 - whole
    left[1] *= 1 - tumour
    return GrownLesion(np.concatenate([left, parts]), tumour * (tissue / _LEAST_TISSUE).clip(0, 1))


def _choose_place(
    amounts: NDArray[np.float32], radius_mm: float, rng: np.random.Generator
) -> tuple[float, ...]:
    """Return the centre of a tumour, (z, y, x) in mm: among the better half of the white matter.

    A place is good where much of what a tumour would cover is grey or white matter.
    """
    axes = _COARSE.compute_axes()
    spacing = [abs(axis[1] - axis[0]) for axis in axes]
    covered = ndimage.gaussian_filter(
        amounts[0] + amounts[1], [radius_mm / 2 / step for step in spacing]
    )
    is_high = (axes[0] > FLOOR_MM + _MARGIN_MM) & (axes[0] < CEILING_MM - _MARGIN_MM)
    white = (amounts[0] > 0.5) & is_high[:, None, None]
    places = np.argwhere(white & (covered >= np.median(covered[white])))
    place, jitter = places[rng.integers(len(places))], rng.uniform(-0.5, 0.5, 3)
    return tuple(
        float(axis[index] + step * shift)
        for axis, index, step, shift in zip(axes, place, spacing, jitter, strict=True)
    )


def _fill_borders(lesion: Lesion, grid: Grid) -> NDArray[np.float32]:
    """Return what lies within each border, (3, slices, rows, columns), in [0, 1]; each in the next.

    Shares of slices are means over their planes.
    """
    axes, reach = grid.compute_axes(), _REACH * lesion.radii_mm[-1]
    local = [axis - middle for axis, middle in zip(axes, lesion.center_mm, strict=True)]
    near = [np.flatnonzero(np.abs(axis) < reach) for axis in local]
    inside = np.zeros((len(PARTS), *map(len, axes)), np.float32)
    if all(map(len, near)):
        block = [axis[places] for axis, places in zip(local, near, strict=True)]
        inside[:, *np.ix_(*near)] = _fill_block(lesion, block)
    shape = (len(PARTS), grid.slices, grid.planes, grid.size, grid.size)
    return inside.reshape(shape).mean(2, dtype=np.float32)


def _fill_block(lesion: Lesion, axes: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Return the same in the planes around a lesion; `axes` are mm from its centre.

    No part goes beyond the middle of the head, where the falx is.
    """
    rng = np.random.default_rng(lesion.seed)
    z, y, x = (axis / stretch for axis, stretch in zip(axes, lesion.stretch, strict=True))
    distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    tumour, oedema = (_draw_border(rng, axes, border) for border in _BORDERS)
    edges = zip(lesion.radii_mm, (tumour, tumour, oedema), _SOFT_MM, strict=True)
    filled = [(0.5 + (mm * shape - distance) / soft).clip(0, 1) for mm, shape, soft in edges]
    middle = lesion.center_mm[2]
    own_side = (1 + np.sign(middle) * (axes[2] + middle) / _FALX_MM).clip(0, 1)
    return (np.maximum.accumulate(np.stack(filled)) * own_side).astype(np.float32)


def _draw_border(
    rng: np.random.Generator,
    axes: list[NDArray[np.float64]],
    border: tuple[tuple[float, float], ...],
) -> NDArray[np.float32]:
    """Return the radius of a border around each point, relative to its mean."""
    radius = np.float32(1)
    for scale, share in border:
        radius = radius + np.float32(share) * draw_smooth_field(rng, axes, scale)
    return np.asarray(radius).clip(_SMALLEST_SHARE, _REACH)
