"""The data types of preparation: a volume that was found, and the scan that is read from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flmrcm.data.provenance import CANONICAL_ORIENTATION
from flmrcm.errors import DataLayoutError

PhaseBand = tuple[float, float]
"""Lowest and highest acquired spatial frequency along the columns, cycles per mm."""

Point = tuple[float, float, float]
"""Along slices, rows and columns, in voxels."""


class UnusableVolume(DataLayoutError):
    """A file or volume that can't be prepared; it is reported, and the others are prepared."""


@dataclass(frozen=True)
class FoundVolume:
    """One volume that a source has found, before it is read.

    Attributes:
        subject: name of the subject in the files; only a salted hash of it is ever written.
        contrast: `T1`, `T2`, …: name of the folder for the volume.
        paths: every file of the volume.
        site: name of the sub-site, such as a hospital or scanner; empty if there is only one.
        scan: name of the scan among several of one subject and contrast; empty if there is one.
    """

    subject: str
    contrast: str
    paths: tuple[Path, ...]
    site: str = ""
    scan: str = ""


@dataclass(frozen=True)
class Scan:
    """One volume in image space: reoriented, but not resampled or cropped yet.

    Attributes:
        image: float32 magnitude or complex64, (slices, rows, columns), or with separate coils
            (slices, coils, rows, columns).
        voxel_mm: spacing of slices, rows and columns in mm.
        native_orientation: directions of the axes of the stored array, such as `RAS`.
        native_shape: shape of the stored array.
        kspace_origin: measured | magnitude | magnitude+phase | simulated.
        orientation: directions in which slices, rows and columns are numbered, such as `SPL`.
        acquisition: name of the pulse sequence; empty if unknown.
        attributes: further header fields, from the allow-list of the source.
        phase_band: what was acquired along the columns; what is written is zero outside. None
            takes every column for acquired.
        affine: (4, 4), from (slice, row, column) of the image to mm, RAS+; None where the original
            doesn't say where it lies.
    """

    image: NDArray[Any]
    voxel_mm: tuple[float, float, float]
    native_orientation: str
    native_shape: tuple[int, ...]
    kspace_origin: str
    orientation: str = CANONICAL_ORIENTATION
    acquisition: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    phase_band: PhaseBand | None = None
    affine: NDArray[np.float64] | None = None

    def with_image(self, image: NDArray[Any]) -> "Scan":
        """Return the scan with another image that has the same axes."""
        return replace(self, image=image)

    def on_grid(self, image: NDArray[Any], start: Point, step: Point = (1.0, 1.0, 1.0)) -> "Scan":
        """Return the scan with an image on other voxels of the same space.

        Args:
            image: the image there.
            start: its first voxel's place, (slice, row, column), among the voxels of before.
            step: from one of its voxels to the next, in voxels of before.
        """
        through, down, right = (mm * n for mm, n in zip(self.voxel_mm, step, strict=True))
        affine = self.affine
        if affine is not None:
            change = np.diag([*step, 1.0])
            change[:3, 3] = start
            affine = affine @ change
        return replace(self, image=image, voxel_mm=(through, down, right), affine=affine)

    @property
    def magnitude(self) -> NDArray[np.float32]:
        """Magnitude, (slices, rows, columns); the root sum of squares of several coils."""
        if self.image.ndim == 3:
            return np.abs(self.image).astype(np.float32, copy=False)
        # slice by slice: the squares of all coils at once would need three times the memory
        return np.stack([np.linalg.norm(s, axis=0) for s in self.image]).astype(np.float32)


class VolumeSource(Protocol):
    """One kind of original data: finds its files and reads them."""

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Yield the volumes of the input in sorted order, without reading images."""
        ...

    def read(self, volume: FoundVolume) -> Scan:
        """Return the scan of one volume.

        Raises:
            UnusableVolume: it can't be prepared; the message says why.
        """
        ...


def get_first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
