"""Differences in 16 bits: 8 significant ones, and float32's range."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flmrcm.middleware.compression.base import Compression
from flmrcm.middleware.compression.packing import (
    PayloadError,
    Shapes,
    decode_bytes,
    encode_bytes,
    flatten,
    split,
    take,
)
from flmrcm.types import Weights


@dataclass(frozen=True)
class BFloat16(Compression):
    """Rounds differences to bfloat16.

    Their high bytes, sign and most of the exponent, are alike and coded; the low ones are noise.
    """

    @property
    def feeds_back(self) -> bool:
        """Return True: rounding to the nearest is biased."""
        return True

    def shrink(self, changes: Weights, seed: int) -> Weights:
        """Return high and low bytes; see `Compression.shrink`."""
        return pack_values(flatten(changes))

    def restore(self, payload: Weights, shapes: Shapes) -> Weights:
        """Return the rounded changes; see `Compression.restore`."""
        values = unpack_values(payload, sum(shape.numel() for shape in shapes.values()))
        return split(values, shapes)


def pack_values(values: Tensor) -> Weights:
    """Return float32 values, (n,), rounded to bfloat16: coded high bytes and low bytes."""
    low, high = values.to(torch.bfloat16).view(torch.uint8).reshape(-1, 2).unbind(1)
    return {"high": encode_bytes(high), "low": low.contiguous()}


def unpack_values(payload: Weights, n: int) -> Tensor:
    """Return the float32 values, (n,), of a payload of those two parts.

    Raises:
        PayloadError: another number of values, a part more or fewer, or a value isn't finite.
    """
    low, high = take(payload.get("low"), torch.uint8), decode_bytes(payload.get("high"), n)
    if len(low) != n or payload.keys() != {"high", "low"}:
        raise PayloadError(f"it holds {len(low)} values, {n} are expected")
    pairs = torch.stack([low, high], 1).reshape(-1)
    return take(pairs.view(torch.bfloat16), torch.bfloat16).float()
