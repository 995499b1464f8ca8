"""The U-Net of fastMRI on magnitude images (Zbontar et al., arXiv 1811.08839)."""

from torch import Tensor

from flmrcm.errors import require
from flmrcm.models.backbone import Backbone, describe_ranges, pool_latent
from flmrcm.models.norms import INSTANCE, check_norm, hold_statistics
from flmrcm.models.reconstructor import HasLatent, Reconstructor
from flmrcm.types import Batch, Reconstruction


class UNet(Backbone, Reconstructor, HasLatent):
    """Encoder, bottleneck, decoder with skip connections; one channel in, one out.

    Args:
        channels: of the first level; each level below has twice as many.
        pools: down-sampling steps.
        dropout: probability of zeroing a channel in training, in [0, 1).
        norm: `instance`, `instance_affine`, `group` or `batch`; see `build_norm`.

    The latent is the bottleneck, average-pooled to 2×2 and flattened:
    4 · channels · 2**pools wide (Guo et al. 2021, section 3.2).

    Raises:
        ConfigErrors: a value outside its range.
    """

    def __init__(
        self, channels: int = 32, pools: int = 4, dropout: float = 0.0, norm: str = INSTANCE
    ) -> None:
        require(describe_ranges(channels, pools, dropout))
        check_norm(norm)
        super().__init__(1, channels, pools, dropout, norm)

    def forward(self, batch: Batch) -> Reconstruction:
        """Reconstructs; see `Reconstructor.forward`."""
        bottleneck, skips = self.descend(batch.image)
        return Reconstruction(self.ascend(bottleneck, skips), pool_latent(bottleneck))

    def encode(self, batch: Batch) -> Tensor:
        """Return the latent; the decoder doesn't run."""
        with hold_statistics(self):  # it may be another site's image
            return pool_latent(self.descend(batch.image)[0])

    def find_size_problem(self, height: int, width: int) -> str | None:
        """Images must leave at least two pixels at the bottleneck to normalise over."""
        rows, columns = height // 2**self.pools, width // 2**self.pools
        if rows * columns >= 2:
            return None
        return (
            f"model.pools={self.pools} is too deep for {height}×{width} images: the bottleneck "
            f"would be {rows}×{columns} pixels. Lower model.pools."
        )
