"""From k-space to what a network sees; pure tensor functions, on any device."""

from typing import NamedTuple

from torch import Tensor

from flmrcm.mri.acquisition import Acquisition, center_crop
from flmrcm.mri.normalisation import CLAMP, normalise


class NormalisedImages(NamedTuple):
    """A batch after undersampling, reconstruction, crop and normalisation; see `types.Batch`."""

    image: Tensor
    target: Tensor | None
    mean: Tensor
    std: Tensor


def choose_crop_size(
    resolution: int, kspace: tuple[int, int], target: tuple[int, int]
) -> tuple[int, int]:
    """Return the height and width a network sees: the least of resolution, k-space and target."""
    height, width = (min(resolution, k, t) for k, t in zip(kspace, target, strict=True))
    return height, width


def find_crop_start(
    kspace: tuple[int, int], image: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int]:
    """Return the first row and column of the part of an image that a network sees.

    A target is the central part of the image of its k-space. Where one of the sizes is odd and
    another even, the middle of the target is up to a pixel beside the middle of that image: so
    both are cut at the same place of it.

    Args:
        kspace: rows and columns of the k-space.
        image: height and width of what is cut: a target, or the whole image of the k-space.
        size: height and width of what the network sees.
    """
    top, left = ((k - s) // 2 - (k - n) // 2 for k, n, s in zip(kspace, image, size, strict=True))
    return top, left


def prepare_images(
    kspace: Tensor,
    acquisition: Acquisition,
    target: Tensor | None,
    resolution: int,
    clamp_target: bool,
    image_shape: tuple[int, int] | None = None,
) -> NormalisedImages:
    """Turn k-space into a network's input and target (Guo et al. 2021, published).

    Args:
        kspace: complex, (batch, coils, rows, columns).
        acquisition: what is measured of it.
        target: magnitude, (batch, height', width'); None where there is none.
        resolution: largest height and width of the result, pixels.
        clamp_target: also keep the target within ±6 σ, as the published code does.
        image_shape: height and width of the final image where there is no target; None is the
            k-space's.

    Returns:
        image and target, (batch, 1, height, width), both normalised by the mean and the unbiased
        standard deviation of the zero-filled image, which come along, (batch,).
    """
    final = image_shape or _get_image_size(kspace) if target is None else _get_image_size(target)
    size = choose_crop_size(resolution, _get_image_size(kspace), final)
    image = center_crop(acquisition.reconstruct_magnitude(kspace), *size)
    mean, std = image.mean((-2, -1)), image.std((-2, -1))
    image = normalise(image, mean, std).unsqueeze(1)
    if target is not None:
        target = _cut_as(target, _get_image_size(kspace), size)
        target = normalise(target, mean, std).unsqueeze(1)
        target = target.clamp(-CLAMP, CLAMP) if clamp_target else target
    return NormalisedImages(image.clamp(-CLAMP, CLAMP), target, mean, std)


def crop_mask(mask: Tensor, kspace: tuple[int, int], image: Tensor) -> Tensor:
    """Return masks of targets, (batch, height', width'), as (batch, 1, height, width) of images.

    Args:
        mask: lies as the target.
        kspace: rows and columns of the k-space.
        image: (batch, 1, height, width), as `prepare_images` gives it.
    """
    return _cut_as(mask, kspace, _get_image_size(image)).unsqueeze(1).to(image.device)


def _cut_as(target: Tensor, kspace: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Return the part of targets, (batch, height', width'), where their k-space's image is cut."""
    top, left = find_crop_start(kspace, _get_image_size(target), size)
    return target[..., top : top + size[0], left : left + size[1]]


def _get_image_size(tensor: Tensor) -> tuple[int, int]:
    return tensor.shape[-2], tensor.shape[-1]
