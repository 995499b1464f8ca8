"""What every reconstruction network offers."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from flmrcm.types import Batch, Reconstruction


class Reconstructor(nn.Module, ABC):
    """A network from an undersampled batch to an image and the latent sites are aligned by.

    Attributes:
        latent_size: width of the latent.
        needs_kspace: whether it reads `batch.kspace`.
    """

    latent_size: int
    needs_kspace: bool = False

    @abstractmethod
    def forward(self, batch: Batch) -> Reconstruction:
        """Gives image, (batch, 1, height, width), and latent, (batch, latent_size)."""

    @abstractmethod
    def encode(self, batch: Batch) -> Tensor:
        """Gives the latent alone, without running what comes after it."""

    def find_size_problem(self, height: int, width: int) -> str | None:
        """Gives what is wrong with an image size and how to mend it; None where it fits."""
        return None
