"""Receiver coils: sensitivity maps, expansion into coils, combination of coils."""

import math

import torch
from torch import Tensor


def rss(images: Tensor, dim: int = 1) -> Tensor:
    """Return the root sum of squares over the coil axis.

    Args:
        images: complex or real, (batch, coils, height, width).
        dim: the coil axis.

    Returns:
        magnitude, (batch, height, width), ≥ 0.
    """
    return images.abs().square().sum(dim).sqrt()


def expand_coils(image: Tensor, maps: Tensor) -> Tensor:
    """Return the image as each coil sees it.

    Args:
        image: complex, (batch, height, width).
        maps: sensitivities, complex, (coils, height, width).

    Returns:
        coil images, complex, (batch, coils, height, width).
    """
    return image.unsqueeze(1) * maps


def reduce_coils(images: Tensor, maps: Tensor) -> Tensor:
    """Return the image that the coil images agree on; inverts `expand` where Σ|maps|² = 1.

    Args:
        images: complex, (batch, coils, height, width).
        maps: sensitivities, complex, (coils, height, width).

    Returns:
        image, complex, (batch, height, width).
    """
    return (images * maps.conj()).sum(1)


def normalise_maps(maps: Tensor) -> Tensor:
    """Return coil maps with Σ|maps|² = 1 wherever any coil sees something, else 0.

    The image that belongs to them is then as bright as the root sum of squares over coils.

    Args:
        maps: complex, (batch, coils, rows, columns), of any scale.
    """
    norm = rss(maps).unsqueeze(1)
    return maps / torch.where(norm > 0, norm, 1)


def make_birdcage_maps(n_coils: int, height: int, width: int, radius: float = 1.5) -> Tensor:
    """Return smooth sensitivities of coils on a ring around the field of view.

    Args:
        n_coils: coils, evenly spaced on the ring.
        height: rows.
        width: columns.
        radius: of the ring, in units of half the field of view.

    Returns:
        complex64, (coils, height, width), normalised to Σ|maps|² = 1 at every pixel, so that the
        root sum of squares of the expanded image is the image's magnitude.
    """
    rows = torch.linspace(-1, 1, height).view(1, -1, 1)
    columns = torch.linspace(-1, 1, width).view(1, 1, -1)
    angle = (2 * math.pi / n_coils) * torch.arange(n_coils).view(-1, 1, 1)
    dx, dy = columns - radius * angle.cos(), rows - radius * angle.sin()
    maps = torch.polar(1 / (dx.square() + dy.square()).sqrt(), torch.atan2(dx, -dy) + angle)
    return (maps / rss(maps, dim=0)).to(torch.complex64)
