"""Where noise and samples come from: an address that anybody can recompute, or the system."""

import os
import secrets
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.seeding import seed_for

_SUMMED = 4
"""Gaussians that make one, so that the bits of none can be told from a sum (Holohan and Braghin,
arXiv 2107.10138)."""


class Draws(Protocol):
    """Independent random numbers; each call gives new ones."""

    def uniform(self, n: int) -> NDArray[np.float64]:
        """Return numbers in [0, 1), (n,)."""
        ...

    def gaussian(self, like: Tensor) -> Tensor:
        """Return standard normal numbers, shaped, typed and placed like a tensor."""
        ...


class SeededDraws:
    """Draws that come again with their address: for experiments that are to be repeated.

    Whoever knows the run's seed can subtract such noise.

    Args:
        address: words and numbers that name the draws.
    """

    def __init__(self, *address: object) -> None:
        self._seed = seed_for("privacy", *address)
        self._rng = np.random.default_rng(self._seed)
        self._generators: dict[torch.device, torch.Generator] = {}

    def uniform(self, n: int) -> NDArray[np.float64]:
        """Return numbers in [0, 1), (n,)."""
        return self._rng.random(n)

    def gaussian(self, like: Tensor) -> Tensor:
        """Return standard normal numbers, shaped, typed and placed like a tensor."""
        if like.device not in self._generators:
            generator = torch.Generator(like.device).manual_seed(self._seed)
            self._generators[like.device] = generator
        generator = self._generators[like.device]
        return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)


class SecureDraws:
    """Draws of the operating system's cryptographic generator; no run can be repeated with them."""

    def uniform(self, n: int) -> NDArray[np.float64]:
        """Return numbers in [0, 1), (n,)."""
        system = secrets.SystemRandom()
        return np.array([system.random() for _ in range(n)])

    def gaussian(self, like: Tensor) -> Tensor:
        """Return standard normal numbers, shaped, typed and placed like a tensor."""
        n = like.numel()
        bits = np.frombuffer(os.urandom(8 * _SUMMED * n), np.uint64).reshape(2, -1)
        # Box and Muller: 53 bits each; the first is never 0, whose logarithm there isn't
        first, second = ((bits >> 11) + np.array([[1], [0]], np.uint64)) * 2.0**-53
        radius, angle = np.sqrt(-2 * np.log(first)), 2 * np.pi * second
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)])
        summed = pairs.reshape(_SUMMED, n).sum(0) / _SUMMED**0.5
        return torch.from_numpy(summed).to(like).view_as(like)
