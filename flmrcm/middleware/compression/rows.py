"""Numbers in few levels: a row has a scale of its own; latents travel so, a slice being a row."""

import torch
from torch import Tensor

from flmrcm.middleware.compression.packing import MARK, PayloadError, take
from flmrcm.types import Weights

BYTE, TWO_BYTES = 127, 32767
"""The largest codes of so many bytes; codes lie between their negative and them."""


def quantise(rows: Tensor, largest: int, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return codes, like rows, and scales, (rows,), so that codes times scales are near rows.

    Codes are int8, or int16 where a byte doesn't hold the largest.

    Args:
        rows: finite, (rows, values).
        largest: the code of a row's largest magnitude.
        noise: uniform in [0, 1), like rows: then rounding is stochastic, and unbiased (Alistarh
            et al., QSGD, NeurIPS 2017); None rounds to the nearest.
    """
    scales = rows.abs().amax(1) / largest
    steps = rows / torch.where(scales > 0, scales, 1)[:, None]
    codes = torch.round(steps) if noise is None else torch.floor(steps + noise)
    return codes.clamp(-largest, largest).to(torch.int8 if largest <= BYTE else torch.int16), scales


def dequantise(codes: Tensor, scales: Tensor) -> Tensor:
    """Return codes times scales, float32, (rows, values)."""
    return codes.float() * scales[:, None]


def round_rows(tensors: Weights) -> Weights:
    """Return float32 tensors as two bytes a value beside rows' scales; others as they are.

    The shape stays, so that a site's policy sees how many numbers of a slice leave.
    """
    rounded: Weights = {}
    for name, tensor in tensors.items():
        rounded[name] = tensor
        floats = tensor.dtype == torch.float32 and tensor.ndim and tensor.numel()
        if floats and bool(torch.isfinite(tensor).all()):
            codes, scales = quantise(tensor.detach().cpu().flatten(1), TWO_BYTES)
            rounded |= {name: codes.reshape(tensor.shape), MARK + name: scales}
    return rounded


def restore_rows(tensors: Weights) -> Weights:
    """Return the tensors of which `round_rows` made codes.

    Raises:
        PayloadError: scales without their codes, of another number or not finite.
    """
    scales = {k.removeprefix(MARK): x for k, x in tensors.items() if k.startswith(MARK)}
    restored = {name: x for name, x in tensors.items() if not name.startswith(MARK)}
    for name, given in scales.items():
        codes = restored.get(name)
        if codes is None or codes.dtype != torch.int16 or not codes.ndim:
            raise PayloadError("it holds scales of what isn't there")
        if take(given, torch.float32).shape != codes.shape[:1]:
            raise PayloadError("it holds another number of scales than of rows")
        restored[name] = dequantise(codes.flatten(1), given).reshape(codes.shape)
    return restored
