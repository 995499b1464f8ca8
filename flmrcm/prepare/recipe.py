"""The steps from a scan to what is written, in their order: select, resample, fit, encode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flmrcm.errors import require, suggest_nearest
from flmrcm.prepare.encoding import PHASES, EncodedVolume, encode_volume
from flmrcm.prepare.foreground import trim_empty_ends
from flmrcm.prepare.geometry import fit_matrix, resample_to_square
from flmrcm.prepare.intensity import clean_values
from flmrcm.prepare.scan import Scan
from flmrcm.seeding import seed_for


@dataclass(frozen=True)
class PreparedVolume:
    """A volume ready to be written, and what was done to it.

    Attributes:
        encoded: k-space and target.
        scan: voxel size, origin of the phase; its image is the target.
        kept: which of the native slices stayed.
        n_native: how many there were.
        negative_voxels: magnitudes below 0 that were set to 0.
        foreground_cut: share of the foreground lost to the crop.
    """

    encoded: EncodedVolume
    scan: Scan
    kept: range
    n_native: int
    negative_voxels: int
    foreground_cut: float


@dataclass(frozen=True)
class PreparationRecipe:
    """What is done to every volume.

    Args:
        foreground: least share of foreground pixels of a slice, in [0, 1].
        pixel_mm: side of a pixel; None resamples only where pixels aren't square.
        size: rows and columns; None keeps each volume's own.
        phase: none | smooth, for images that have only a magnitude.
        seed: of the phase.

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
                    f"a share in [0, 1]; got {self.foreground}.",
                ),
                "pixel_mm": (side is None or side > 0, f"above 0, or null; got {side}."),
                "size": (
                    size is None or (len(size) == 2 and min(size) >= 8),
                    f"[rows, columns], each at least 8, or null; got {size}.",
                ),
            }
        )

    def apply(self, scan: Scan, address: Sequence[object] = ()) -> PreparedVolume:
        """Gives the prepared volume.

        Args:
            scan: as its source read it.
            address: of the volume; its phase is drawn from it.

        Raises:
            Skipped: it can't become one; the message says why.
        """
        n_native = len(scan.image)
        scan, negative = clean_values(scan)
        scan, kept = trim_empty_ends(scan, self.foreground)
        scan = resample_to_square(scan, self.pixel_mm)
        scan, cut = fit_matrix(scan, None if self.size is None else (self.size[0], self.size[1]))
        scan = PHASES[self.phase](scan, seed_for(self.seed, *address))
        encoded = encode_volume(scan.image)
        scan = scan.with_image(encoded.target)
        return PreparedVolume(encoded, scan, kept, n_native, negative, cut)

    def list_arguments(self) -> dict[str, Any]:
        """Gives what must be the same in every call that adds to a folder."""
        size = None if self.size is None else list(self.size)
        return {
            "foreground": self.foreground,
            "pixel_mm": self.pixel_mm,
            "size": size,
            "phase": self.phase,
            "seed": self.seed,
        }
