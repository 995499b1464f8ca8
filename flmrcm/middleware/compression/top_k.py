"""The largest differences alone: where they are, and what they are."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from flmrcm.errors import require
from flmrcm.middleware.compression.base import Compression
from flmrcm.middleware.compression.bfloat16 import pack_values, unpack_values
from flmrcm.middleware.compression.packing import (
    PayloadError,
    Shapes,
    decode_bytes,
    encode_bytes,
    flatten,
    split,
)
from flmrcm.types import Weights

_LONG = 255


@dataclass(frozen=True)
class TopK(Compression):
    """Sends the largest differences of all tensors, rounded to bfloat16, and leaves out the rest.

    Sparsified updates with memory: Stich, Cordonnier and Jaggi, NeurIPS 2018, algorithm 1.

    Args:
        share: of all values that are sent, in (0, 1].

    Raises:
        ConfigErrors: a share outside its range.
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        within = 0 < self.share <= 1
        require({"compression.share": (within, f"above 0, at most 1; got {self.share}.")})

    @property
    def feeds_back(self) -> bool:
        """Return True: what is left out is always the small values."""
        return True

    def shrink(self, changes: Weights, seed: int) -> Weights:
        """Return places and values; see `Compression.shrink`."""
        values = flatten(changes)
        places = values.abs().topk(self._count(len(values)), sorted=False).indices.sort().values
        return {"places": encode_bytes(encode_places(places)), **pack_values(values[places])}

    def restore(self, payload: Weights, shapes: Shapes) -> Weights:
        """Return the sent changes among zeros; see `Compression.restore`."""
        n = sum(shape.numel() for shape in shapes.values())
        k = self._count(n)
        coded = decode_bytes(payload.get("places"), k + n // _LONG, k)
        places = decode_places(coded, k, n)
        values = torch.zeros(n)
        rest = {name: tensor for name, tensor in payload.items() if name != "places"}
        values[places] = unpack_values(rest, k)
        return split(values, shapes)

    def _count(self, n: int) -> int:
        return ceil(self.share * n)


def encode_places(places: Tensor) -> Tensor:
    """Return the gaps between increasing places as bytes: 255 as often as it fits, and the rest."""
    gaps = torch.diff(places, prepend=torch.tensor([-1])) - 1
    ends = torch.cumsum(gaps // _LONG + 1, 0) - 1
    coded = torch.full((int(ends[-1]) + 1,), _LONG, dtype=torch.uint8)
    coded[ends] = (gaps % _LONG).to(torch.uint8)
    return coded


def decode_places(coded: Tensor, k: int, n: int) -> Tensor:
    """Return the k increasing places below n that bytes stand for, int64.

    Raises:
        PayloadError: another number of places, or one beyond the last value.
    """
    sums = torch.cumsum(coded.long(), 0)[coded != _LONG]
    if len(sums) != k:
        raise PayloadError(f"it holds {len(sums)} places, {k} are expected")
    places = sums + torch.arange(k)
    if k and int(places[-1]) >= n:
        raise PayloadError(f"it holds a place beyond the last of {n} values")
    return places
