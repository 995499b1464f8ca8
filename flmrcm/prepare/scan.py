"""The nouns of preparation: what a source finds, and what it reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flmrcm.data.provenance import CANONICAL_ORIENTATION
from flmrcm.errors import DataLayoutError


class UnusableVolume(DataLayoutError):
    """A file or volume that can't become one; it's listed and counted, the others go on."""


@dataclass(frozen=True)
class FoundVolume:
    """One volume that a source found and nobody has read yet.

    Attributes:
        subject: as the files name it; only its salted hash is ever written.
        contrast: the folder it belongs in, `T1`, `T2`, ….
        paths: every file it's read from.
        site: the sub-site, such as a hospital or scanner; empty where there's one.
        scan: tells several scans of one subject and contrast apart; empty where there's one.
    """

    subject: str
    contrast: str
    paths: tuple[Path, ...]
    site: str = ""
    scan: str = ""


@dataclass(frozen=True)
class Scan:
    """One volume in image space, reoriented, not yet resampled or cropped.

    Attributes:
        image: (slice, height, width), or (slice, coil, height, width) where coils are kept;
            float32 magnitude or complex64.
        voxel_mm: spacing of slices, rows and columns.
        native_orientation: where the stored array's axes led to, such as `RAS`.
        native_shape: of the stored array.
        kspace_origin: measured | magnitude | magnitude+phase | simulated.
        orientation: where slices, rows and columns lead to now.
        acquisition: a word on the sequence; empty where unknown.
        attributes: further header fields from the source's allow-list.
    """

    image: NDArray[Any]
    voxel_mm: tuple[float, float, float]
    native_orientation: str
    native_shape: tuple[int, ...]
    kspace_origin: str
    orientation: str = CANONICAL_ORIENTATION
    acquisition: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def with_image(self, image: NDArray[Any]) -> "Scan":
        """Gives the scan with another image of the same axes."""
        return replace(self, image=image)

    @property
    def magnitude(self) -> NDArray[np.float32]:
        """(slice, height, width); coils are combined by root sum of squares."""
        if self.image.ndim == 3:
            return np.abs(self.image).astype(np.float32, copy=False)
        # slice by slice: squares of all coils at once would triple the memory
        return np.stack([np.linalg.norm(s, axis=0) for s in self.image]).astype(np.float32)


class VolumeSource(Protocol):
    """One kind of original data: how its files are found and read."""

    def find(self) -> Iterator[FoundVolume | UnusableVolume]:
        """Gives what there is, in sorted order, without reading images."""
        ...

    def read(self, found: FoundVolume) -> Scan:
        """Reads one volume.

        Raises:
            Skipped: it can't be used; the message says why.
        """
        ...
