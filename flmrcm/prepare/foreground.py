"""Which slices show enough of the patient to be worth keeping."""

from collections.abc import Sequence

from flmrcm.data.targets import compute_foreground_shares
from flmrcm.prepare.scan import Scan, UnusableVolume


def trim_empty_ends(scan: Scan, least: float) -> tuple[Scan, range]:
    """Gives the scan without its empty ends, and which of its slices stayed.

    An empty slice between full ones stays: `voxel_mm` holds for neighbours only.

    Args:
        scan: (slice, …, height, width).
        least: share of foreground pixels that the first and the last kept slice reach, in [0, 1].

    Raises:
        Skipped: no slice has as much.
    """
    shares = compute_foreground_shares(scan.magnitude)
    kept = find_kept_range(shares.tolist(), least)
    if not kept:
        raise UnusableVolume(
            f"no slice reaches foreground={least:g}; the best has {shares.max():.3g}"
        )
    return scan.with_image(scan.image[kept.start : kept.stop]), kept


def find_kept_range(shares: Sequence[float], least: float) -> range:
    """Gives the range from the first to the last share that's at least `least`."""
    enough = [index for index, share in enumerate(shares) if share >= least]
    return range(enough[0], enough[-1] + 1) if enough else range(0)
