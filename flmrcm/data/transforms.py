"""From k-space and a mask to what a network sees; pure tensor functions, on any device."""

from typing import NamedTuple

import torch
from torch import Tensor

from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import ifft2c

CLAMP = 6.0
"""Normalised images are kept within ± this many standard deviations."""

_EPSILON = 1e-11


class NormalisedImages(NamedTuple):
    """One batch after masking, Fourier transform, crop and normalisation; see `types.Batch`."""

    image: Tensor
    target: Tensor
    mean: Tensor
    std: Tensor


def reconstruct_zero_filled(kspace: Tensor, mask: Tensor) -> Tensor:
    """Gives the magnitude image of undersampled k-space.

    Args:
        kspace: complex, (batch, coils, rows, columns).
        mask: bool, (batch, 1, 1, columns).

    Returns:
        (batch, rows, columns): magnitude for one coil, root sum of squares for several.
    """
    images = ifft2c(kspace * mask)
    return images.abs().squeeze(1) if images.shape[1] == 1 else rss(images)


def center_crop(image: Tensor, height: int, width: int) -> Tensor:
    """Gives the central part, (..., height, width), as fastMRI cuts it."""
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[..., top : top + height, left : left + width]


def choose_crop_size(
    resolution: int, kspace: tuple[int, int], target: tuple[int, int]
) -> tuple[int, int]:
    """Gives the (height, width) a network sees: the least of resolution, k-space and target."""
    height, width = (min(resolution, k, t) for k, t in zip(kspace, target, strict=True))
    return height, width


def prepare_images(
    kspace: Tensor, mask: Tensor, target: Tensor, resolution: int, clamp_target: bool
) -> NormalisedImages:
    """Turns fully sampled k-space into a network's input and target (Guo et al. 2021, published).

    Args:
        kspace: complex, (batch, coils, rows, columns).
        mask: bool, (batch, 1, 1, columns).
        target: magnitude, (batch, height', width').
        resolution: largest height and width of the result, pixels.
        clamp_target: also keep the target within ±6 σ, as the published code does.

    Returns:
        image and target, (batch, 1, height, width), both normalised by the mean and the unbiased
        standard deviation of the zero-filled image, which come along, (batch,).
    """
    size = choose_crop_size(resolution, _get_image_size(kspace), _get_image_size(target))
    image = center_crop(reconstruct_zero_filled(kspace, mask), *size)
    target = center_crop(target, *size)
    mean, std = image.mean((-2, -1)), image.std((-2, -1))
    image, target = (normalise(x, mean, std).unsqueeze(1) for x in (image, target))
    if clamp_target:
        target = target.clamp(-CLAMP, CLAMP)
    return NormalisedImages(image.clamp(-CLAMP, CLAMP), target, mean, std)


def normalise(image: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Gives (image − mean)/(std + 1e-11), the statistics (batch,) spread over the pixels."""
    shape = (-1, *[1] * (image.ndim - 1))
    return (image - mean.view(shape)) / (std.view(shape) + _EPSILON)


def denormalise(image: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Undoes `normalise`."""
    shape = (-1, *[1] * (image.ndim - 1))
    return image * (std.view(shape) + _EPSILON) + mean.view(shape)


def _get_image_size(tensor: Tensor) -> tuple[int, int]:
    return tensor.shape[-2], tensor.shape[-1]


def stack_masks(rows: list[Tensor], device: torch.device) -> Tensor:
    """Stacks masks, each (columns,), into (batch, 1, 1, columns) on a device."""
    return torch.stack(rows).view(len(rows), 1, 1, -1).to(device)
