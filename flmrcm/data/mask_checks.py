"""Whether volumes and their masks go together, told before any slice is read."""

import logging
from collections.abc import Mapping, Sequence

from flmrcm.data.h5 import Volume
from flmrcm.data.provenance import is_made_of_magnitudes
from flmrcm.errors import DataLayoutError
from flmrcm.mri.masks import Mask

log = logging.getLogger(__name__)


def check_mask(volume: Volume, mask: Mask, needs_center: bool) -> None:
    """Raise an error for a volume that its mask doesn't fit.

    Args:
        volume: whose k-space is undersampled.
        mask: what undersamples it; where files' own are used, the volume's header knows of its own.
        needs_center: whether coil maps come from a fully sampled centre.

    Raises:
        DataLayoutError: names the volume.
    """
    try:
        mask.check(volume.shape[2:])
    except DataLayoutError as error:
        raise DataLayoutError(f"{volume.path}: {error}") from None
    if needs_center and volume.lacks_center and volume.shape[1] > 1:
        raise DataLayoutError(
            f"{volume.path}: its own mask leaves no fully sampled centre, from which coil maps "
            "come; use a model without, as model=unet, or maps=file."
        )


def warn_of_easy_masks(volumes: Sequence[Volume], masks: Mapping[str, Mask], about: str) -> None:
    """Say where partial Fourier leaves out nothing: half of k-space made of magnitudes is enough.

    Args:
        volumes: of one split.
        masks: of each institution.
        about: whose they are.
    """
    halved = [v.path for v in volumes if (masks[v.site].partial_fourier or 1) < 1]
    if n_easy := sum(map(is_made_of_magnitudes, halved)):
        log.warning(
            "%s: mask.partial_fourier with k-space made from magnitude images (%d files): what it "
            "leaves out mirrors what it keeps; scores are too good",
            about, n_easy,
        )  # fmt: skip
