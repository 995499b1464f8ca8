"""The MNI152 T1 image as a site: a real average of 152 heads, for judging only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flmrcm.data.h5 import write_volume
from flmrcm.errors import DataLayoutError, require
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.simulation.cache_folder import generate_once, hash_text

MNI152_FORMAT = 1
FIELD_MM = 208
_ENOUGH_BRAIN = 0.28  # of the field of view: leaves out the vertex and most of the cerebellum


@dataclass(frozen=True)
class Mni152:
    """The real MNI152 T1 average that nilearn ships, 1 mm, skull-stripped; one test volume.

    It has no measured k-space: what is written is the Fourier transform of its magnitude.

    Args:
        cache: folder below which every site keeps its own.
        size: rows and columns of the matrix.
        slices: evenly spread over all slices that show enough brain.
        name: of the site.

    Raises:
        ConfigErrors: fields outside their range, all of them together.
    """

    cache: Path | str
    size: int = 128
    slices: int = 8
    name: str = "mni152"

    def __post_init__(self) -> None:
        require(
            {
                "data.simulated.size": (
                    16 <= self.size <= 512 and self.size % 2 == 0,
                    f"an even number from 16 to 512; got {self.size}.",
                ),
                "data.simulated.slices": (self.slices >= 1, f"at least 1; got {self.slices}."),
            }
        )

    @property
    def about(self) -> str:
        """Every field that the images depend on, in words."""
        shape = f"size {self.size}, slices {self.slices}"
        return f"MNI152 T1, format {MNI152_FORMAT}: {self.name}, {shape}"

    def locate(self) -> Path:
        """Return the root folder of the data, whether they exist or not."""
        return Path(self.cache).expanduser() / f"{self.name}-{hash_text(self.about)}"

    def ensure(self, contrast: str) -> Path:
        """Makes the volume unless it is there, then gives the folder.

        Raises:
            DataLayoutError: any contrast but T1.
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
            "orientation": "SPL",
            "native_shape": np.array([189, 233, 197]),
            "prepare_version": f"mni152-{MNI152_FORMAT}",
        }


def _load_axial_slices(count: int) -> tuple[Tensor, float]:
    """Slices (count, 1, FIELD_MM, FIELD_MM), anterior up, patient's right on the left; spacing."""
    # nilearn takes a second to import: only who generates should wait for it
    from nilearn import datasets

    template = datasets.load_mni152_template(resolution=1)
    volume = np.asarray(template.dataobj, np.float32).transpose(2, 1, 0)[:, ::-1, ::-1]
    square = _crop_square(volume)
    shares = (square > 0.1 * square.max()).mean((1, 2))
    shown = np.flatnonzero(shares >= _ENOUGH_BRAIN)
    spacing = (shown[-1] - shown[0]) / max(count - 1, 1)
    chosen = np.linspace(shown[0], shown[-1], count).round().astype(int)
    return torch.from_numpy(square[chosen].copy())[:, None], float(spacing)


def _crop_square(volume: np.ndarray) -> np.ndarray:
    """Pads and crops rows and columns around the brain's middle to FIELD_MM."""
    padded = np.pad(volume, ((0, 0), (FIELD_MM, FIELD_MM), (FIELD_MM, FIELD_MM)))
    starts = []
    for axis in (1, 2):
        filled = np.flatnonzero(padded.any(tuple({0, 1, 2} - {axis})))
        starts.append((filled[0] + filled[-1] + 1 - FIELD_MM) // 2)
    rows, columns = (slice(start, start + FIELD_MM) for start in starts)
    return padded[:, rows, columns]
