"""The choice of slices that show enough of the patient."""

from collections.abc import Sequence

from flmrcm.data.targets import compute_foreground_shares
from flmrcm.prepare.scan import Scan, UnusableVolume


def trim_empty_ends(scan: Scan, least: float) -> tuple[Scan, range]:
    """Return the scan without the empty slices at its ends, and the range of the other slices.

    An empty slice between others stays, because `voxel_mm` is the distance between neighbours.

    Args:
        scan: image (slices, …, rows, columns).
        least: fraction of foreground pixels that the first and the last slice must have, in [0, 1].

    Raises:
        UnusableVolume: no slice has so much foreground.
    """
    shares = compute_foreground_shares(scan.magnitude)
    slices = find_kept_range(shares.tolist(), least)
    if not slices:
        raise UnusableVolume(
            f"no slice has a foreground of {least:g} or more, the largest is {shares.max():.3g}; "
            "lower foreground"
        )
    return scan.with_image(scan.image[slices.start : slices.stop]), slices


def find_kept_range(shares: Sequence[float], least: float) -> range:
    """Return the range from the first to the last slice whose share is at least `least`."""
    enough = [index for index, share in enumerate(shares) if share >= least]
    return range(enough[0], enough[-1] + 1) if enough else range(0)
