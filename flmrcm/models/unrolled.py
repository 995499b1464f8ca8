"""What the networks that read k-space share: scale, coil maps, crop, and the latent."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from flmrcm.models.denoisers import Denoiser
from flmrcm.models.norms import has_statistics, hold_statistics
from flmrcm.models.reconstructor import HasLatent, Reconstructor
from flmrcm.mri.acquisition import Cartesian, center_crop
from flmrcm.mri.coil_combination import estimate_maps_of_center
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.normalisation import normalise
from flmrcm.types import Batch, Reconstruction


class Unrolled(Reconstructor, HasLatent):
    """A reconstructor that alternates denoisers with what was measured, or has one of each.

    K-space comes in the data's own units, so it is divided by the batch's standard deviation
    first: then the magnitude image minus mean/std is the normalised image, and a network sees
    values near 1 from every scanner. It is reconstructed whole and cropped last.

    The latent is the first denoiser's: it depends on the input alone, so `encode` runs only that.
    """

    needs_kspace: ClassVar[bool] = True
    reads_maps: ClassVar[bool] = True
    predicts_kspace: ClassVar[bool] = True

    @property
    def compiled_parts(self) -> Sequence[Denoiser]:
        """The denoisers: torch's compiler makes no code of complex numbers, and fails at some."""
        return [part for part in self.modules() if isinstance(part, Denoiser)]

    @property
    @abstractmethod
    def first_denoiser(self) -> Denoiser:
        """The denoiser that sees the zero-filled image."""

    @abstractmethod
    def unroll(self, acquisition: Cartesian, kspace: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return magnitude, (batch, rows, columns), latent, (batch, latent_size), and k-space.

        That is what the network says of every coil's samples, shaped as the k-space it is given.

        Args:
            acquisition: with the mask and, one coil or many, maps.
            kspace: complex, (batch, coils, rows, columns), zero where nothing was measured.
        """

    @property
    def latent_size(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Width of the latent."""
        return self.first_denoiser.latent_size

    def forward(self, batch: Batch) -> Reconstruction:
        """Reconstructs; see `Reconstructor.forward`."""
        magnitude, latent, kspace = self.unroll(*self._read(batch))
        image = center_crop(magnitude, *batch.image.shape[-2:])
        offset = normalise(torch.zeros_like(image), batch.mean, batch.std)
        return Reconstruction((image + offset).unsqueeze(1), latent, kspace)

    def encode(self, batch: Batch) -> Tensor:
        """Return the latent; see `HasLatent.encode`."""
        with hold_statistics(self):  # it may be another site's image
            acquisition, kspace = self._read(batch)
            return self.first_denoiser.encode(acquisition.reduce(kspace))

    def find_maps(self, kspace: Tensor, batch: Batch) -> Tensor:
        """Return coil maps, complex, (batch, coils, rows, columns), or ones, (1, 1, 1, 1).

        They are the batch's, or else estimated from the fully sampled centre; one coil needs none.
        """
        if kspace.shape[1] == 1:
            return kspace.new_ones(1, 1, 1, 1)
        if batch.maps is not None:
            return batch.maps
        return estimate_maps_of_center(kspace, get_center(batch))

    def _read(self, batch: Batch) -> tuple[Cartesian, Tensor]:
        if batch.kspace is None:
            raise TypeError(f"{type(self).__name__} needs k-space; load it with needs_kspace=True")
        kspace = normalise(batch.kspace, torch.zeros_like(batch.std), batch.std)
        return Cartesian(batch.mask, self.find_maps(kspace, batch)), kspace


class Cascaded(Unrolled):
    """An unrolled network that is a row of cascades.

    Attributes:
        checkpoint_cascades: keep no cascade's activations for the backward pass, but compute them
            again: memory hardly grows with the cascades, a training step takes a third longer.
    """

    checkpoint_cascades: bool = False

    def run_cascade(
        self, cascade: Callable[..., tuple[Tensor, Tensor]], *inputs: object
    ) -> tuple[Tensor, Tensor]:
        """Return what a cascade gives for its inputs: k-space and latent."""
        if self.checkpoint_cascades and torch.is_grad_enabled():
            # batch norms count what they see once, and not again in the backward pass
            twice = {"context_fn": lambda: (nullcontext(), hold_statistics(self))}
            more = twice if has_statistics(self) else {}  # torch.compile takes no such context
            return checkpoint(cascade, *inputs, use_reentrant=False, **more)  # pyright: ignore[reportReturnType, reportArgumentType]
        return cascade(*inputs)


def get_center(batch: Batch) -> Tensor:
    """Return rows and columns of the fully sampled centre, int, (batch, 2)."""
    if batch.center is None:
        raise TypeError("coil maps need batch.center, the size of the fully sampled centre")
    return batch.center


def combine_coils(kspace: Tensor) -> Tensor:
    """Return the root sum of squares over coils, (batch, rows, columns), of k-space.

    Its gradient is 0, and not NaN, where no coil sees anything.
    """
    return torch.linalg.vector_norm(ifft2c(kspace), dim=1)
