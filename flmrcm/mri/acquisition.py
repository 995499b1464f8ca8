"""How a scanner turns an image into measured k-space, and the adjoint way back.

y = M F S x: coil sensitivities S, centred orthonormal Fourier transform F, sampling mask M.
Whatever undersamples, transforms or combines coils goes through one of these objects, so that
another trajectory is another class.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import fft2c, ifft2c


class Acquisition(ABC):
    """A linear map from images to measured k-space, with its adjoint.

    Law: ⟨A x, y⟩ = ⟨x, Aᴴ y⟩ for every image x and every k-space y.
    """

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Return A x, complex, (batch, coils, rows, columns), zero where nothing is measured.

        Args:
            image: complex, (batch, rows, columns); without coil maps the coil images, (batch,
                coils, rows, columns).
        """

    @abstractmethod
    def adjoint(self, kspace: Tensor) -> Tensor:
        """Return Aᴴ y, complex, shaped as `forward` takes it.

        Args:
            kspace: complex, (batch, coils, rows, columns); what is not measured does not count.
        """

    @abstractmethod
    def undersample(self, kspace: Tensor) -> Tensor:
        """Return what the acquisition would have measured of fully sampled k-space, same shape."""

    def normal(self, image: Tensor) -> Tensor:
        """Return Aᴴ A x, shaped as the image."""
        return self.adjoint(self.forward(image))

    def reconstruct_magnitude(self, kspace: Tensor) -> Tensor:
        """Return the zero-filled magnitude image, (batch, rows, columns), ≥ 0.

        Without coil maps it is the root sum of squares over coils.

        Args:
            kspace: complex, (batch, coils, rows, columns).
        """
        image = self.adjoint(kspace)
        if image.ndim == kspace.ndim:
            return image.abs().squeeze(1) if image.shape[1] == 1 else rss(image)
        return image.abs()


@dataclass(frozen=True)
class Cartesian(Acquisition):
    """Samples on a Cartesian grid.

    Args:
        mask: bool, broadcastable to (batch, coils, rows, columns), True where measured.
        maps: coil sensitivities, complex, (batch, coils, rows, columns); None keeps coil images
            apart.
    """

    mask: Tensor
    maps: Tensor | None = None

    def forward(self, image: Tensor) -> Tensor:
        """Return M F S x; see `Acquisition.forward`."""
        coils = image if self.maps is None else image.unsqueeze(1) * self.maps
        return self.undersample(fft2c(coils))

    def adjoint(self, kspace: Tensor) -> Tensor:
        """Return Sᴴ F⁻¹ M y; see `Acquisition.adjoint`."""
        coils = ifft2c(self.undersample(kspace))
        return coils if self.maps is None else (coils * self.maps.conj()).sum(1)

    def undersample(self, kspace: Tensor) -> Tensor:
        """Return M y."""
        return kspace * self.mask


def center_crop(image: Tensor, height: int, width: int) -> Tensor:
    """Return the central part, (…, height, width), as fastMRI cuts it."""
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[..., top : top + height, left : left + width]


def stack_masks(masks: list[Tensor], device: torch.device) -> Tensor:
    """Return masks, each (rows, columns) or (1, columns), as (batch, 1, rows or 1, columns)."""
    return torch.stack(masks).unsqueeze(1).to(device)
