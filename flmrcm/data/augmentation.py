"""Training slices turned over or rotated: k-space, target and coil maps together.

K-space is taken to the images of its coils, these are moved, and taken back; the mask is drawn for
what comes out, so the network sees a scan that could have been measured (as in MRAugment: Fabian,
Heckel and Soltanolkotabi, ICML 2021, section 4). How a slice is moved follows from its address, and
is another in every pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flmrcm.data.slices import RawBatch
from flmrcm.data.transforms import choose_crop_size, find_crop_start
from flmrcm.errors import require
from flmrcm.mri.acquisition import center_crop
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.seeding import seed_for

Size = tuple[int, int]


class Movement(NamedTuple):
    """How one slice is moved: turned over first, then rotated.

    Attributes:
        flips: whether rows, and columns, are reversed.
        degrees: of the rotation.
    """

    flips: tuple[bool, bool] = (False, False)
    degrees: float = 0.0


@dataclass(frozen=True)
class Augmentation:
    """Draws how slices are moved.

    Args:
        flip_rows: probability in [0, 1] that rows are reversed.
        flip_columns: probability that columns are.
        degrees: largest rotation either way, in [0, 45]; each angle is as probable.

    Raises:
        ConfigErrors: a value outside its range.
    """

    flip_rows: float = 0.5
    flip_columns: float = 0.5
    degrees: float = 0.0

    def __post_init__(self) -> None:
        shares = {"flip_rows": self.flip_rows, "flip_columns": self.flip_columns}
        rules = {key: (0 <= p <= 1, f"in [0, 1]; got {p}.") for key, p in shares.items()}
        rules["degrees"] = 0 <= self.degrees <= 45, f"in [0, 45]; got {self.degrees}."
        require({f"augmentation.{key}": rule for key, rule in rules.items()})

    def draw(self, seed: int) -> Movement:
        """Return how the slice of a seed is moved."""
        rows, columns, turn = np.random.default_rng(seed_for("augmentation", seed)).random(3)
        flips = bool(rows < self.flip_rows), bool(columns < self.flip_columns)
        return Movement(flips, float(self.degrees * (2 * turn - 1)))

    def move(self, raw: RawBatch, resolution: int, seeds: Sequence[int]) -> RawBatch:
        """Return slices moved by the draws of their seeds.

        Args:
            raw: fully sampled, as it lies on disk.
            resolution: largest height and width that a network sees, pixels.
            seeds: one of each slice.
        """
        size = choose_crop_size(resolution, raw.kspace_shape, raw.final_shape)
        return move_batch(raw, size, [self.draw(seed) for seed in seeds])


def move_batch(raw: RawBatch, size: Size, movements: Sequence[Movement]) -> RawBatch:
    """Return slices moved about the middle of what a network sees; flips are exact.

    Where a target is a part of its image, what a rotation brings in from beside it is unknown to
    the target, 0 there, and is made black in the image, too.

    Args:
        raw: fully sampled; its k-space, target, maps and padding are moved.
        size: height and width of what a network sees.
        movements: one of each slice.
    """
    target, maps, acquired = raw.target, raw.maps, raw.acquired
    flips, whole = [movement.flips[1] for movement in movements], raw.kspace_shape
    images = move_images(ifft2c(raw.kspace), size, movements)
    if target is not None and target.shape[-2:] != whole:
        known = move_images(torch.ones_like(target[:, None]), size, movements, whole)
        center_crop(images, *target.shape[-2:]).mul_(known.clamp(0, 1))
    return raw._replace(
        kspace=fft2c(images),
        # interpolation may pass below 0, a magnitude does not
        target=None
        if target is None
        else move_images(target[:, None], size, movements, whole)[:, 0].clamp(0),
        maps=None if maps is None else move_images(maps, size, movements),
        acquired=None if acquired is None else _reverse_frequencies(acquired, flips),
    )


def move_images(
    images: Tensor, size: Size, movements: Sequence[Movement], whole: Size | None = None
) -> Tensor:
    """Return images moved, same shape; where nothing was, there is 0.

    Args:
        images: real or complex, (batch, channels, rows, columns).
        size: height and width of the part in the middle that stays in place.
        movements: one of each slice.
        whole: rows and columns of the k-space of whose image they are the central part; None where
            they're all of it.
    """
    if images.is_complex():
        parts = images.real, images.imag
        return torch.complex(*(move_images(part, size, movements, whole) for part in parts))
    frame = _Frame.of(images, size, whole)
    moved = torch.stack([frame.flip(x, m.flips) for x, m in zip(images, movements, strict=True)])
    angles = [movement.degrees for movement in movements]
    return frame.rotate(moved, angles) if any(angles) else moved


@dataclass(frozen=True)
class _Frame:
    """The rows and columns of images, and the point they are moved about, in pixels."""

    shape: Size
    middle: tuple[float, float]

    @classmethod
    def of(cls, images: Tensor, size: Size, whole: Size | None) -> "_Frame":
        """Return the frame whose middle is that of what a network sees, of a size."""
        shape = images.shape[-2], images.shape[-1]
        start = find_crop_start(whole or shape, shape, size)
        # for sizes of unlike parity that is half a pixel aside
        middle = [first + (s - 1) / 2 for first, s in zip(start, size, strict=True)]
        return cls(shape, (middle[0], middle[1]))

    def flip(self, image: Tensor, flips: tuple[bool, bool]) -> Tensor:
        """Return (channels, rows, columns) with axes reversed about the middle; ends wrap round."""
        for axis in (0, 1):
            if flips[axis]:
                size, last = self.shape[axis], round(2 * self.middle[axis])
                index = (last - torch.arange(size, device=image.device)) % size
                image = image.index_select(axis + 1, index)
        return image

    def rotate(self, images: Tensor, degrees: Sequence[float]) -> Tensor:
        """Return (batch, channels, rows, columns) rotated about the middle, bicubically."""
        places = [self._find_sources(angle) for angle in degrees]
        grid = torch.stack(places).to(images)
        return F.grid_sample(images, grid, "bicubic", "zeros", align_corners=False)

    def _find_sources(self, degrees: float) -> Tensor:
        """Return where each pixel comes from, (rows, columns, 2), in grid_sample's units."""
        c, s = cos(radians(degrees)), sin(radians(degrees))
        axes = [torch.arange(n) - m for n, m in zip(self.shape, self.middle, strict=True)]
        y, x = torch.meshgrid(*axes, indexing="ij")
        rows, columns = c * y - s * x + self.middle[0], s * y + c * x + self.middle[1]
        height, width = self.shape
        return torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)


def _reverse_frequencies(columns: Tensor, flips: Sequence[bool]) -> Tensor:
    """Return marks of k-space's columns as they are where the image's columns are reversed."""
    size = columns.shape[-1]
    index = (2 * (size // 2) - torch.arange(size, device=columns.device)) % size
    return torch.stack([c[index] if flip else c for c, flip in zip(columns, flips, strict=True)])
