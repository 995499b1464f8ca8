"""What secure aggregation says beside weights: keys and shares, as tensors of bytes."""

from collections.abc import Collection, Mapping
from math import inf

import torch

from flmrcm.privacy.mask_streams import KEY_SIZE, agree_on_key
from flmrcm.privacy.secret_sharing import SIZE, draw_secret
from flmrcm.types import Reply, Weights

MASK_KEYS, MASK_SHARES = "mask_keys", "mask_shares"
"""Kinds that leave a site: its public keys; shares, sealed for another site or revealed."""

MASK_SCALE, SURVIVORS = "mask_scale", "survivors"
"""Kinds that only reach it: by what weights in the mean are divided; whose updates count."""

MASKED = "uint8"
"""The type of masked weights, as ledgers name it; no model's weights have it."""

OWN = "own"
"""The name of a site's own keys in its reply."""

_KEYS, _SEALED, _SHARE = 2 * KEY_SIZE, 2 * SIZE + 16, SIZE
"""Bytes of two public keys; of two shares and what shows that nobody changed them; of a share."""


def pack_bytes(texts: Mapping[str, bytes]) -> Weights:
    """Return bytes as tensors, uint8, (bytes,), by name."""
    return {k: torch.frombuffer(bytearray(x), dtype=torch.uint8) for k, x in texts.items()}


def unpack_bytes(tensors: Weights) -> dict[str, bytes]:
    """Return the bytes of tensors.

    Raises:
        ValueError: tensors of another type or form.
    """
    if any(t.dtype != torch.uint8 or t.ndim != 1 or len(t) > _SEALED for t in tensors.values()):
        raise ValueError("keys or shares have another form")
    return {name: bytes(tensor.tolist()) for name, tensor in tensors.items()}


def pack_scale(scale: float) -> dict[str, Weights]:
    """Return the kind that says by what a site's weight in the mean is divided."""
    return {MASK_SCALE: {"scale": torch.tensor(scale, dtype=torch.float64)}}


def read_scale(tensors: Weights) -> float:
    """Return by what a site's weight in the mean is divided, above 0.

    Raises:
        ValueError, KeyError: it is told otherwise.
    """
    scale = tensors["scale"].item() if tensors["scale"].numel() == 1 else 0.0
    if not 0 < scale < inf:
        raise ValueError(f"a scale of {scale:g}")
    return float(scale)


def read_keys(reply: Reply) -> bytes:
    """Return a site's two public keys.

    Raises:
        ValueError: it gave none, or some that others can't agree on a key with.
    """
    (public,) = _read(reply.extras.get(MASK_KEYS, {}), [OWN], _KEYS).values()
    for begin in (0, KEY_SIZE):
        agree_on_key(draw_secret(), public[begin : begin + KEY_SIZE])
    return public


def read_sealed(reply: Reply, roster: Collection[str]) -> dict[str, bytes]:
    """Return a site's sealed shares, by the site they are for.

    Raises:
        ValueError: there isn't one for each other site of the roster.
    """
    others = [site for site in roster if site != reply.site]
    return _read(reply.extras.get(MASK_SHARES, {}), others, _SEALED)


def read_revealed(reply: Reply, sharers: Collection[str]) -> dict[str, bytes]:
    """Return the shares that a site reveals, by whose secret they are of.

    Raises:
        ValueError: there isn't one for each site that shared its secrets.
    """
    return _read(reply.extras.get(MASK_SHARES, {}), sharers, _SHARE)


def _read(tensors: Weights, names: Collection[str], size: int) -> dict[str, bytes]:
    texts = unpack_bytes(tensors)
    if texts.keys() != set(names) or any(len(text) != size for text in texts.values()):
        raise ValueError("keys or shares are missing, or of another length")
    return texts
