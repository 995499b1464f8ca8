"""The steps from a scan to the arrays that are written: select, resample, crop, encode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flmrcm.errors import require, suggest_nearest
from flmrcm.prepare.encoding import PHASES, EncodedVolume, encode_volume
from flmrcm.prepare.foreground import trim_empty_ends
from flmrcm.prepare.geometry import fit_matrix, resample_to_square
from flmrcm.prepare.intensity import clean_values
from flmrcm.prepare.phase_band import choose_columns
from flmrcm.prepare.scan import Scan
from flmrcm.seeding import seed_for


@dataclass(frozen=True)
class PreparedVolume:
    """A volume that is ready to be written, and what was done to it.

    Attributes:
        encoded: k-space and target.
        scan: voxel size, orientation, origin of the k-space; its image is the target.
        slices: range of the original slices that are written.
        n_native: number of the original slices.
        negative_voxels: number of magnitudes below 0 that were set to 0.
        foreground_cut: fraction of the foreground that was cropped, in [0, 1].
        inside_cut: fraction of the slices inside the patient that aren't written, in [0, 1].
    """

    encoded: EncodedVolume
    scan: Scan
    slices: range
    n_native: int
    negative_voxels: int
    foreground_cut: float
    inside_cut: float


@dataclass(frozen=True)
class PreparationRecipe:
    """The steps that are the same for every volume.

    Args:
        foreground: smallest fraction of foreground pixels in the outermost slices, in [0, 1].
        pixel_mm: side of a pixel, mm; None resamples only pixels that aren't square.
        size: number of rows and of columns; None keeps those of each volume.
        phase: none | smooth, for images that are a magnitude only.
        seed: seed of the phase.

    Raises:
        ConfigErrors: a value outside its range.
    """

    foreground: float = 0.02
    pixel_mm: float | None = None
    size: Sequence[int] | None = (256, 256)
    phase: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        size, side = self.size, self.pixel_mm
        require(
            {
                "phase": (
                    self.phase in PHASES,
                    f"use one of {', '.join(PHASES)}; got {self.phase}."
                    f"{suggest_nearest(self.phase, PHASES)}",
                ),
                "foreground": (
                    0 <= self.foreground <= 1,
                    f"give a fraction in [0, 1]; got {self.foreground}.",
                ),
                "pixel_mm": (
                    side is None or side > 0,
                    f"give a number of mm above 0, or null; got {side}.",
                ),
                "size": (
                    size is None or (len(size) == 2 and min(size) >= 8),
                    f"give [rows, columns], each at least 8, or null; got {size}.",
                ),
            }
        )

    def apply(self, scan: Scan, address: Sequence[object] = ()) -> PreparedVolume:
        """Return the prepared volume.

        Args:
            scan: the volume as its source has read it.
            address: seed address of its phase.

        Raises:
            UnusableVolume: it can't be prepared; the message says why.
        """
        n_native = len(scan.image)
        scan, negative = clean_values(scan)
        scan, slices, inside_cut = trim_empty_ends(scan, self.foreground)
        scan = resample_to_square(scan, self.pixel_mm)
        scan, cut = fit_matrix(scan, None if self.size is None else (self.size[0], self.size[1]))
        scan = PHASES[self.phase](scan, seed_for(self.seed, *address))
        encoded = encode_volume(scan.image, choose_columns(scan))
        scan = scan.with_image(encoded.target)
        return PreparedVolume(encoded, scan, slices, n_native, negative, cut, inside_cut)

    def list_arguments(self) -> dict[str, Any]:
        """Return the arguments that must be equal in every call that adds to a folder."""
        size = None if self.size is None else list(self.size)
        return {
            "foreground": self.foreground,
            "pixel_mm": self.pixel_mm,
            "size": size,
            "phase": self.phase,
            "seed": self.seed,
        }
