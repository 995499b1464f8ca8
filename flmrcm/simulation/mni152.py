"""The MNI152 T1 image as a site: a real average of 152 heads, for testing only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flmrcm.data.h5 import write_volume
from flmrcm.data.provenance import CANONICAL_ORIENTATION
from flmrcm.data.targets import compute_foreground_shares
from flmrcm.errors import DataLayoutError, require
from flmrcm.files import expand_home
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.simulation.cache_folder import generate_once, hash_text
from flmrcm.simulation.scanner import make_matrix_rules

MNI152_FORMAT = 1
"""Raise it whenever equal fields would give other images: old cache folders are then not used."""

FIELD_MM = 208
"""Side of the square field of view: rows and columns of the 1 mm image."""

_ENOUGH_BRAIN = 0.28  # fraction of the field; leaves out the vertex and most of the cerebellum


@dataclass(frozen=True)
class Mni152:
    """The real MNI152 T1 average (Fonov et al., NeuroImage 54 (2011) 313), 1 mm, skull-stripped.

    The site has one test volume. Nobody measured its k-space: it is the Fourier transform of the
    magnitude image that nilearn contains.

    Args:
        cache: folder in which every site has a folder of its own.
        size: number of rows and of columns.
        slices: number of slices, evenly spread over the heights that show enough brain.
        name: name of the site.

    Raises:
        ConfigErrors: fields outside their range, all of them together.
    """

    cache: Path | str
    size: int = 128
    slices: int = 8
    name: str = "mni152"

    def __post_init__(self) -> None:
        require(make_matrix_rules(self.size, self.slices))

    @property
    def about(self) -> str:
        """Every field that the images depend on, as text; the name of the cache folder."""
        shape = f"size {self.size}, slices {self.slices}"
        return f"MNI152 T1, format {MNI152_FORMAT}: {self.name}, {shape}"

    def locate(self) -> Path:
        """Return the root folder of the data, whether they exist or not."""
        return expand_home(self.cache) / f"{self.name}-{hash_text(self.about)}"

    def ensure(self, contrast: str) -> Path:
        """Create the volume if it is missing, then return the root folder.

        Raises:
            DataLayoutError: a contrast other than T1.
        """
        if contrast != "T1":
            raise DataLayoutError(
                f"site {self.name}: the MNI152 image is T1, there is no {contrast}; "
                "use contrast=T1 or leave this site out."
            )
        generate_once(self.locate() / contrast, self._make, self.about)
        return self.locate()

    def _make(self) -> None:
        image, spacing_mm = _load_axial_slices(self.slices)
        if self.size != FIELD_MM:
            image = F.interpolate(image, (self.size, self.size), mode="bicubic", antialias=True)
        # bicubic interpolation overshoots at edges, but a magnitude is never negative
        kspace = fft2c(image[:, 0].clamp(min=0).to(torch.complex64))
        path = self.locate() / "T1" / "test" / f"{self.name}.h5"
        write_volume(
            path, kspace.numpy(), ifft2c(kspace).abs().numpy(), self._make_attributes(spacing_mm)
        )

    def _make_attributes(self, spacing_mm: float) -> Mapping[str, object]:
        return {
            "site": self.name,
            "subject": self.name,
            "contrast": "T1",
            "voxel_mm": np.array([spacing_mm, FIELD_MM / self.size, FIELD_MM / self.size]),
            "kspace_origin": "magnitude",
            "source": "ICBM152 2009a T1 average, skull-stripped, as nilearn ships it",
            "acquisition": "average of 152 T1-weighted volumes",
            "patient_id": hash_text(self.name),
            "orientation": CANONICAL_ORIENTATION,
            "native_shape": np.array([189, 233, 197]),
            "prepare_version": f"mni152-{MNI152_FORMAT}",
        }


def _load_axial_slices(count: int) -> tuple[Tensor, float]:
    """Return `count` images, (slices, 1, FIELD_MM, FIELD_MM), `SPL`, and their spacing, mm."""
    # nilearn takes a second to import, and most runs find their data in the cache
    from nilearn import datasets

    template = datasets.load_mni152_template(resolution=1)
    volume = np.asarray(template.dataobj, np.float32).transpose(2, 1, 0)[:, ::-1, ::-1]
    square = _crop_square(volume)
    usable = np.flatnonzero(compute_foreground_shares(square) >= _ENOUGH_BRAIN)
    spacing = (usable[-1] - usable[0]) / max(count - 1, 1)
    indices = np.linspace(usable[0], usable[-1], count).round().astype(int)
    return torch.from_numpy(square[indices].copy())[:, None], float(spacing)


def _crop_square(volume: np.ndarray) -> np.ndarray:
    """Crop or pad rows and columns to FIELD_MM; the middle of the brain becomes the centre."""
    # generous padding first, so that cropping never reaches beyond the image
    padded = np.pad(volume, ((0, 0), (FIELD_MM, FIELD_MM), (FIELD_MM, FIELD_MM)))
    starts = []
    for axis in (1, 2):
        not_empty = np.flatnonzero(padded.any(tuple({0, 1, 2} - {axis})))
        starts.append((not_empty[0] + not_empty[-1] + 1 - FIELD_MM) // 2)
    rows, columns = (slice(start, start + FIELD_MM) for start in starts)
    return padded[:, rows, columns]
