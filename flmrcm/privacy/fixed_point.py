"""Numbers as integers of a ring, so that a sum of masked ones is exact once masks cancel."""

from dataclasses import dataclass
from math import ceil, log2
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.types import Weights

Integers = NDArray[np.uint64]
"""Integers modulo 2⁶⁴, (values,); those of a smaller ring are their lowest bits."""

_COUNT_FRACTION = 16
"""The most bits behind the point of what counts, whose values `largest` doesn't bound: batch norms'
batches. A small ring has fewer, for a run's batches are more than it holds beside these."""

_COUNT_BITS = 24
"""Bits before the point of a sum of counts, where a ring has no more than it needs for them."""


class CountTooLarge(ValueError):
    """A count is beyond what the ring's bits hold, whatever bounds the weights."""


@dataclass(frozen=True)
class Ring:
    """Integers modulo 2^bits; a value v is round(v · 2^fraction), sums are decoded.

    A quarter on each side of 0 holds every honest sum, so that of a wrong one half of the values
    lie outside: it's noticed.

    Args:
        bits: a multiple of 8, at most 64.
        largest: bound of every value that is added.
        sites: the most values in a sum.
    """

    bits: int
    largest: float
    sites: int

    @property
    def n_bytes(self) -> int:
        """Bytes of a value as it travels."""
        return self.bits // 8

    @property
    def fraction(self) -> int:
        """Bits behind the point; the fixed-point step is 2^−fraction."""
        return self.bits - 2 - ceil(log2(self.sites * self.largest))

    def encode(self, weights: Weights, weight: float) -> Integers:
        """Return all values times a weight, tensors in the order of their names.

        Raises:
            ValueError: a value is beyond the bound, or not finite; the tensor is named.
        """
        return np.concatenate([self._encode(k, weights[k], weight) for k in sorted(weights)])

    def decode(self, integers: Integers, weight: float, like: Weights) -> Weights:
        """Return a sum divided by the sum of weights, named, shaped and typed like others.

        Raises:
            ValueError: it's larger than a sum of such values can be; the tensor is named.
        """
        return {k: self._decode(k, x, weight, like[k]) for k, x in _split(integers, like).items()}

    def pack(self, integers: Integers, like: Weights) -> Weights:
        """Return integers as they travel: uint8, (*shape of each tensor, bytes), lowest first."""
        parts = integers.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
        kept = np.ascontiguousarray(parts[:, : self.n_bytes])
        pieces = _split(kept, like).items()
        return {k: torch.from_numpy(x).view(*like[k].shape, self.n_bytes) for k, x in pieces}

    def unpack(self, packed: Weights, like: Weights) -> Integers:
        """Return the integers of packed tensors.

        Raises:
            ValueError: they aren't those that others are packed into, by name, shape and type.
        """
        forms = {k: (torch.uint8, (*t.shape, self.n_bytes)) for k, t in like.items()}
        if {k: (t.dtype, tuple(t.shape)) for k, t in packed.items()} != forms:
            raise ValueError("its masked weights have other names, shapes or types")
        values = [packed[k].numpy().reshape(-1, self.n_bytes) for k in sorted(packed)]
        parts = np.zeros((sum(map(len, values)), 8), np.uint8)
        np.concatenate(values, out=parts[:, : self.n_bytes])
        return parts.reshape(-1).view("<u8").astype(np.uint64, copy=False)

    def _encode(self, name: str, tensor: Tensor, weight: float) -> Integers:
        fraction, largest = self._place_point(tensor.dtype)
        scaled = tensor.detach().cpu().double().flatten() * weight
        if not bool((scaled.abs() <= largest).all()):
            kind = ValueError if tensor.is_floating_point() else CountTooLarge
            raise kind(f"{name} holds a value beyond ±{largest:g}, or one that isn't finite")
        return (scaled * 2.0**fraction).round().long().numpy().view(np.uint64)

    def _decode(self, name: str, integers: Integers, weight: float, like: Tensor) -> Tensor:
        fraction, largest = self._place_point(like.dtype)
        unused = 64 - self.bits
        signed = (integers << np.uint64(unused)).view(np.int64) >> unused
        if not bool((np.abs(signed) <= self.sites * (largest * 2.0**fraction + 1)).all()):
            raise ValueError(f"the sum of {name} is larger than its parts can make it")
        mean = torch.from_numpy(signed / (2.0**fraction * weight)).view_as(like)
        if not like.is_floating_point():  # a conversion cuts: what is whole but for a step stays so
            mean = mean + self.sites / (2.0**fraction * weight)
        return mean.to(like.dtype)

    def _place_point(self, dtype: torch.dtype) -> tuple[int, float]:
        """Return the bits behind the point, and the largest value, of a tensor's type."""
        if dtype.is_floating_point:
            return self.fraction, self.largest
        fraction = min(_COUNT_FRACTION, self.bits - 2 - _COUNT_BITS)
        return fraction, 2.0 ** (self.bits - 2 - fraction) / self.sites


def _split(values: NDArray[Any], like: Weights) -> dict[str, NDArray[Any]]:
    """Return each tensor's part of values that lie in the order of names."""
    names = sorted(like)
    ends = np.cumsum([like[name].numel() for name in names])
    return dict(zip(names, np.split(values, ends[:-1]), strict=True))
