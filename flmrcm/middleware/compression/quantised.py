"""Differences in 8 or 4 bits: codes of few levels, and a scale for each channel or tensor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flmrcm.errors import ConfigErrors, check_choice
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
from flmrcm.middleware.compression.rows import dequantise, quantise
from flmrcm.types import Weights

NEAREST, STOCHASTIC = "nearest", "stochastic"
CHANNEL, TENSOR = "channel", "tensor"


@dataclass(frozen=True)
class Quantised(Compression):
    """Rounds differences to multiples of a scale.

    FedPAQ's quantised differences (Reisizadeh et al., AISTATS 2020), with error feedback where
    rounding is to the nearest. A Huffman code brings frequent codes down to few bits.

    Args:
        bits: 8 or 4 for a code; 255 or 15 levels.
        rounding: nearest | stochastic; the second is unbiased and needs no feedback.
        scale: channel | tensor: what has a scale of its own; a vector always has one.

    Raises:
        ConfigErrors: another word or number.
    """

    bits: int = 8
    rounding: str = NEAREST
    scale: str = CHANNEL

    def __post_init__(self) -> None:
        problems = check_choice("compression.bits", str(self.bits), ("8", "4"))
        problems += check_choice("compression.rounding", self.rounding, (NEAREST, STOCHASTIC))
        problems += check_choice("compression.scale", self.scale, (CHANNEL, TENSOR))
        if problems:
            raise ConfigErrors(problems)

    @property
    def feeds_back(self) -> bool:
        """Whether rounding is biased, so that what it left out is sent later."""
        return self.rounding == NEAREST

    def shrink(self, changes: Weights, seed: int) -> Weights:
        """Return codes and scales; see `Compression.shrink`."""
        draws = torch.Generator().manual_seed(seed)
        codes: Weights = {}
        scales: Weights = {}
        for name, change in sorted(changes.items()):
            rows = change.reshape(self._count_rows(change.shape), -1)
            noise = None if self.feeds_back else torch.rand(rows.shape, generator=draws)
            codes[name], scales[name] = self._quantise(rows, noise)
        return {"codes": encode_bytes(flatten(codes)), "scales": flatten(scales)}

    def restore(self, payload: Weights, shapes: Shapes) -> Weights:
        """Return codes times scales; see `Compression.restore`."""
        n_rows = {name: torch.Size([self._count_rows(shape)]) for name, shape in shapes.items()}
        scales = split(take(payload.get("scales"), torch.float32), n_rows)
        n_codes = sum(shape.numel() for shape in shapes.values())
        values = decode_bytes(payload.get("codes"), n_codes).view(torch.int8)
        if payload.keys() - {"codes", "scales"}:
            raise PayloadError("it holds more than codes and scales")
        return {
            name: dequantise(codes.reshape(len(scales[name]), -1), scales[name]).reshape(
                codes.shape
            )
            for name, codes in split(values, shapes).items()
        }

    def _quantise(self, rows: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        if not rows.numel():
            return rows.to(torch.int8), torch.zeros(len(rows))
        return quantise(rows, 2 ** (self.bits - 1) - 1, noise)

    def _count_rows(self, shape: torch.Size) -> int:
        """Return how many scales a tensor has: one a channel, the first axis."""
        return shape[0] if self.scale == CHANNEL and len(shape) > 1 and shape.numel() else 1
