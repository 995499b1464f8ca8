"""Differences as they travel: names, what a scheme made of them, and what is no difference."""

import zlib
from collections.abc import Mapping
from hashlib import blake2b

import torch
from torch import Size, Tensor

from flmrcm.errors import FlmrcmError
from flmrcm.strategies.aggregation import list_trained
from flmrcm.types import Weights

MARK = "compressed-"
"""What the names of a scheme's tensors begin with; no weight's name holds a hyphen."""

Shapes = Mapping[str, Size]

_DIGEST_BYTES = 8


class PayloadError(FlmrcmError):
    """What arrived is nothing that its scheme makes."""


def subtract(tensors: Weights, reference: Weights | None) -> Weights | None:
    """Return tensors that travel as differences less the reference, by sorted name.

    None where that can't stand for them: other names, shapes or types, or a value isn't finite.
    """
    if reference is None or describe(tensors) != describe(reference):
        return None
    moving = list_differences(tensors)
    changes = {name: tensors[name].detach().cpu() - reference[name] for name in moving}
    finite = all(bool(torch.isfinite(change).all()) for change in changes.values())
    return changes if changes and finite else None


def list_differences(tensors: Weights) -> list[str]:
    """Return the names of float32 tensors that training changes by small steps, sorted.

    Batch statistics travel whole: a variance that is rounded with its neighbours falls below 0.
    """
    trained = list_trained(tensors)
    return sorted(name for name in trained if tensors[name].dtype == torch.float32)


def pack(tensors: Weights, payload: Weights) -> Weights:
    """Return a payload beside the names it stands for, which hold nothing, and other tensors."""
    named = tensors | dict.fromkeys(list_differences(tensors), torch.empty(0))
    return named | {MARK + name: tensor for name, tensor in payload.items()}


def is_packed(tensors: Weights) -> bool:
    """Return whether tensors are differences as they travel."""
    return any(name.startswith(MARK) for name in tensors)


def unpack(packed: Weights, like: Weights) -> tuple[Weights, Weights, Shapes]:
    """Return the payload, the tensors that are no differences, and the shapes of those that are.

    Args:
        packed: as it arrived; nobody has looked at it.
        like: of every name that may be in it, a tensor of its shape and type.

    Raises:
        PayloadError: another name, shape or type.
    """
    payload = {k.removeprefix(MARK): x for k, x in packed.items() if k.startswith(MARK)}
    named = {name: x for name, x in packed.items() if not name.startswith(MARK)}
    if strangers := sorted(named.keys() - like.keys()):
        raise PayloadError(f"{strangers[0]} isn't among what was sent")
    moving = list_differences({name: like[name] for name in named})
    others = {name: x for name, x in named.items() if name not in moving}
    floats = sorted(named.keys() - others.keys())
    if describe(others) != describe({name: like[name] for name in others}) or any(
        named[name].dtype != torch.float32 or named[name].numel() for name in floats
    ):
        raise PayloadError("it holds a tensor of another form than was sent")
    return payload, others, {name: like[name].shape for name in floats}


def describe(tensors: Weights) -> dict[str, tuple[Size, torch.dtype]]:
    """Return the shape and type of every tensor."""
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def make_zeros(weights: Weights, names: Weights) -> Weights:
    """Return zeros like the weights of these names."""
    return {name: torch.zeros_like(weights[name]) for name in names if name in weights}


def compute_digest(tensors: Weights) -> Tensor:
    """Return 8 bytes, uint8, that depend on every name, shape, type and bit."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for name, tensor in sorted(tensors.items()):
        digest.update(repr((name, tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(_read_bytes(tensor))
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def flatten(tensors: Weights) -> Tensor:
    """Return the values of all tensors one after another, (n,), in sorted order of names."""
    return torch.cat([tensors[name].reshape(-1) for name in sorted(tensors)])


def split(values: Tensor, shapes: Shapes) -> Weights:
    """Return the tensors of which `flatten` made values; `count` of them, or a `PayloadError`."""
    sizes = [shapes[name].numel() for name in sorted(shapes)]
    if values.shape != (sum(sizes),):
        raise PayloadError(f"it holds {values.numel()} values, {sum(sizes)} are expected")
    parts = zip(sorted(shapes), values.split(sizes), strict=True)
    return {name: part.reshape(shapes[name]) for name, part in parts}


def encode_bytes(values: Tensor) -> Tensor:
    """Return a tensor's bytes as a Huffman code makes them fewer (DEFLATE, RFC 1951), uint8.

    Codes of weights look like noise: nothing repeats, so matches are not looked for.
    """
    coder = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    data = coder.compress(_read_bytes(values)) + coder.flush()
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def decode_bytes(packed: Tensor | None, most: int, least: int | None = None) -> Tensor:
    """Return the bytes, uint8, of which `encode_bytes` made a tensor; no more are ever unpacked.

    Args:
        packed: as it arrived.
        most: bytes that there may be.
        least: bytes that there must be; `most` when None.

    Raises:
        PayloadError: more bytes or fewer, or no code.
    """
    packed, decoder = take(packed, torch.uint8), zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = decoder.decompress(_read_bytes(packed), most + 1)
    except zlib.error:
        raise PayloadError("its bytes can't be decoded") from None
    if not (most if least is None else least) <= len(data) <= most or not decoder.eof:
        raise PayloadError("it holds more bytes, or fewer, than expected")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0).byte()


def take(tensor: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return a payload's tensor, (n,), of the type, finite; or raise a `PayloadError`."""
    if tensor is None or tensor.dtype != dtype or tensor.ndim != 1:
        raise PayloadError("a part of it is missing, or of another type")
    if dtype.is_floating_point and not torch.isfinite(tensor).all():
        raise PayloadError("a value in it isn't finite")
    return tensor


def _read_bytes(tensor: Tensor) -> bytes:
    flat = tensor.detach().cpu().reshape(-1).contiguous()
    return flat.view(torch.uint8).numpy().tobytes()
