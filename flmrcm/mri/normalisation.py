"""How images are scaled for a network, and back: one place for one convention."""

from torch import Tensor

CLAMP = 6.0
"""Normalised images are kept within ± this many standard deviations."""

_EPSILON = 1e-11


def normalise(image: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return (image − mean)/(std + 1e-11), as the published code of Guo et al. (CVPR 2021) does.

    Args:
        image: (batch, …).
        mean: (batch,), spread over the pixels.
        std: (batch,).
    """
    shape = (-1, *[1] * (image.ndim - 1))
    return (image - mean.view(shape)) / (std.view(shape) + _EPSILON)


def denormalise(image: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Undo `normalise`; the arguments are its own."""
    shape = (-1, *[1] * (image.ndim - 1))
    return image * (std.view(shape) + _EPSILON) + mean.view(shape)
