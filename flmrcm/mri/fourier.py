"""Centred, orthonormal Fourier pair between image space and k-space."""

import torch
from torch import Tensor

_AXES = (-2, -1)


def fft2c(image: Tensor) -> Tensor:
    """Return the k-space of an image.

    Args:
        image: complex, (..., height, width), the origin in the centre.

    Returns:
        k-space, complex, same shape, zero frequency in the centre, same energy as the image.
    """
    shifted = torch.fft.ifftshift(image, dim=_AXES)
    return torch.fft.fftshift(torch.fft.fft2(shifted, norm="ortho"), dim=_AXES)


def ifft2c(kspace: Tensor) -> Tensor:
    """Return the image of a k-space; the inverse of `fft2c`.

    Args:
        kspace: complex, (..., rows, columns), zero frequency in the centre.

    Returns:
        image, complex, same shape.
    """
    shifted = torch.fft.ifftshift(kspace, dim=_AXES)
    return torch.fft.fftshift(torch.fft.ifft2(shifted, norm="ortho"), dim=_AXES)
