"""What every reconstruction network offers, and what those with a latent offer beside it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from flmrcm.types import Batch, Reconstruction


class Reconstructor(nn.Module, ABC):
    """A network from an undersampled batch to an image.

    Attributes:
        needs_kspace: whether it reads `batch.kspace`.
        reads_maps: whether it takes `batch.maps` where there are some.
        needs_maps: whether it cannot do without them.
        learns_maps: whether a network of its own finds coil maps where the batch has none.
        predicts_kspace: whether its reconstruction has k-space in it.
    """

    needs_kspace: ClassVar[bool] = False
    reads_maps: ClassVar[bool] = False
    needs_maps: ClassVar[bool] = False
    learns_maps: ClassVar[bool] = False
    predicts_kspace: ClassVar[bool] = False

    @abstractmethod
    def forward(self, batch: Batch) -> Reconstruction:
        """Return the image, (batch, 1, height, width), normalised, and what else the model has."""

    @property
    def compiled_parts(self) -> Sequence[nn.Module]:
        """What `compute.compile` compiles: all of it, where nothing else is said."""
        return (self,)

    def find_size_problem(self, height: int, width: int) -> str | None:
        """Return what is wrong with an image size and how to mend it; None where it fits."""
        return None


class HasLatent(ABC):
    """A reconstructor with features that sites can be aligned by; FL-MRCM asks for it.

    Attributes:
        latent_size: width of the latent.
    """

    latent_size: int

    @abstractmethod
    def encode(self, batch: Batch) -> Tensor:
        """Return the latent, (batch, latent_size), without running what comes after it."""
