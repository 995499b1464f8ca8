"""The simplest network on complex images: one U-Net, then perhaps one data consistency."""

from typing import ClassVar

from torch import Tensor

from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.models.backbone import describe_ranges
from flmrcm.models.denoisers import NormUNet
from flmrcm.models.norms import INSTANCE, check_norm
from flmrcm.models.unrolled import Unrolled, combine_coils
from flmrcm.mri.acquisition import Cartesian

HARD, NONE = "hard", "none"


class ComplexUNet(Unrolled):
    """fastMRI's U-Net on the coil-combined, zero-filled complex image.

    Args:
        channels: of the first level; each level below has twice as many.
        pools: down-sampling steps.
        dropout: probability of zeroing a channel in training, in [0, 1).
        consistency: `hard` puts the measured samples back, `none` leaves the network's.
        norm: `instance`, `instance_affine`, `group` or `batch`; see `build_norm`.

    Raises:
        ConfigErrors: a value outside its range.
    """

    CONSISTENCIES: ClassVar[tuple[str, ...]] = (HARD, NONE)

    def __init__(
        self,
        channels: int = 32,
        pools: int = 4,
        dropout: float = 0.0,
        consistency: str = HARD,
        norm: str = INSTANCE,
    ) -> None:
        require(describe_ranges(channels, pools, dropout))
        check_norm(norm)
        if problems := check_choice("model.consistency", consistency, self.CONSISTENCIES):
            raise ConfigErrors(problems)
        super().__init__()
        self.denoiser = NormUNet(channels, pools, dropout, norm)
        self.consistency = consistency

    @property
    def first_denoiser(self) -> NormUNet:
        """The only one."""
        return self.denoiser

    def unroll(self, acquisition: Cartesian, kspace: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return magnitude, latent and k-space; see `Unrolled.unroll`."""
        image, latent = self.denoiser(acquisition.reduce(kspace))
        whole = acquisition.expand(image)
        if self.consistency == NONE:
            return image.abs(), latent, whole
        whole = acquisition.replace_measured(whole, kspace)
        return combine_coils(whole), latent, whole

    def find_size_problem(self, height: int, width: int) -> str | None:
        """Images must leave at least two pixels at the bottleneck to normalise over."""
        return self.denoiser.find_size_problem(height, width)
