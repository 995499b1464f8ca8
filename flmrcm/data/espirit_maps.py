"""ESPIRiT's coil maps, computed once for each centre of each slice and kept in the cache folder.

A file of the cache is named by a hash of all that its maps depend on: the samples of the centre
that the mask measures, the size of the maps, and the parameters. So no map ever depends on samples
that a network must not see, equal slices share their maps, and whatever differs has its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from flmrcm.data.coil_maps import CoilMaps, SplitSlices
from flmrcm.errors import ConfigErrors, DataLayoutError, describe_os_error, require
from flmrcm.files import find_cache_folder, write_atomically
from flmrcm.logs import track_progress
from flmrcm.mri.espirit import INSTALL_HINT, cut_center, estimate_espirit_maps, has_sigpy
from flmrcm.mri.masks import Shape

MAPS_FORMAT = 1
"""Raise it whenever equal fields would give other maps: what is cached then isn't used."""


@dataclass(frozen=True)
class Espirit(CoilMaps):
    """ESPIRiT's maps from the fully sampled centre, by sigpy.

    Args:
        calibration: most rows and columns of the centre that are used.
        kernel: width of the kernels, samples.
        threshold: singular values below this share of the largest one span the null space.
        crop: maps are 0 where the largest eigenvalue isn't above it; 0 keeps every pixel.

    Raises:
        ConfigErrors: a value outside its range, or sigpy isn't installed.
    """

    calibration: int = 24
    kernel: int = 6
    threshold: float = 0.02
    crop: float = 0.0
    word: ClassVar[str] = "espirit"
    needs_center: ClassVar[bool] = True
    takes_long: ClassVar[bool] = True

    def __post_init__(self) -> None:
        widest = min(self.calibration, 16)
        require(
            {
                "maps.calibration": (
                    2 <= self.calibration <= 64,
                    f"2 to 64 samples; got {self.calibration}.",
                ),
                "maps.kernel": (
                    2 <= self.kernel <= widest,
                    f"2 to {widest} samples; got {self.kernel}.",
                ),
                "maps.threshold": (0 < self.threshold < 1, f"in (0, 1); got {self.threshold}."),
                "maps.crop": (0 <= self.crop < 1, f"in [0, 1); got {self.crop}."),
            }
        )
        if not has_sigpy():
            raise ConfigErrors([f"maps=espirit: sigpy isn't installed; {INSTALL_HINT}."])

    def prepare(self, slices: SplitSlices) -> None:
        """Compute the maps that are missing, with a progress bar; see `CoilMaps.prepare`."""
        missing = list(self._list_missing(slices))
        about = f"coil maps of {slices.about}"
        for number, mark in track_progress(missing, about, "slices") if missing else ():
            for kspace, center in slices.measure(number):
                try:
                    self._find(kspace, center)
                except DataLayoutError as error:
                    path = slices.examples[number][0].path
                    raise DataLayoutError(f"{path}: {error}") from None
            if mark:
                _write(mark, b"")

    def find_many(
        self, kspace: Tensor, center: Tensor, std: Tensor, stored: Tensor | None
    ) -> Tensor:
        """Return cached maps, computed where they are missing; see `CoilMaps.find_many`."""
        each = zip(kspace, center.tolist(), strict=True)
        maps = [self._find(slice_, (rows, columns)) for slice_, (rows, columns) in each]
        return torch.stack(maps).to(kspace.device)

    def _list_missing(self, slices: SplitSlices) -> Iterator[tuple[int, Path | None]]:
        """Give the numbers of slices whose maps may be missing.

        With a volume's last one comes the file that will say that all its maps are there: a volume
        with such a mark isn't read again.
        """
        several = [(n, *e) for n, e in enumerate(slices.examples) if e[0].shape[1] > 1]
        for volume, group in groupby(several, key=lambda example: example[1]):
            numbers, indices = zip(*((n, index) for n, _, index in group), strict=True)
            file = volume.path.stat()
            state = f"{volume} {file.st_size} {file.st_mtime_ns} {indices}"
            mark = _locate(f"{slices.about} {slices.masks} {state} {self}").with_suffix(".done")
            if not mark.exists():
                yield from ((n, mark if n == numbers[-1] else None) for n in numbers)

    def _find(self, kspace: Tensor, center: Shape) -> Tensor:
        """Return the maps of a slice's undersampled k-space, from the cache or computed."""
        square = cut_center(kspace, self._choose_width(center))
        shape = kspace.shape[-2], kspace.shape[-1]
        path = _locate(f"{tuple(square.shape)} {shape} {self}", square.numpy().tobytes())
        maps = _read(path)
        if maps is None:
            maps = estimate_espirit_maps(square, shape, self.kernel, self.threshold, self.crop)
            buffer = BytesIO()
            np.save(buffer, maps.numpy())
            _write(path, buffer.getbuffer())
        return maps

    def _choose_width(self, center: Shape) -> int:
        """Return how many rows and columns of the centre are used."""
        width = min(self.calibration, *center)
        if width < self.kernel:
            raise DataLayoutError(
                f"maps=espirit needs a fully sampled centre of at least maps.kernel={self.kernel} "
                f"rows and columns, the mask measures {center[0]}×{center[1]}; raise "
                "mask.center_fractions, or lower maps.kernel."
            )
        return width


def _locate(about: str, content: bytes = b"") -> Path:
    """Return the cache's file for what its maps depend on, or for a volume's mark."""
    digest = blake2b(f"{MAPS_FORMAT} {_get_version()} {about} ".encode() + content, digest_size=16)
    name = digest.hexdigest()
    return find_cache_folder() / "coil_maps" / name[:2] / f"{name[2:]}.npy"


@cache
def _get_version() -> str:
    return version("sigpy")


def _read(path: Path) -> Tensor | None:
    """Return cached maps; None where there are none, or only a damaged file."""
    try:
        return torch.from_numpy(np.load(path))
    except (OSError, ValueError, EOFError):
        return None


def _write(path: Path, content: bytes | memoryview) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataLayoutError(
            f"coil maps can't be kept: {describe_os_error(error)} Choose another folder by the "
            "environment variable FLMRCM_CACHE."
        ) from None
