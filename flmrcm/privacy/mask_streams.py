"""Masks: streams of random integers that two sites, or one, can make again from a key."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flmrcm.privacy.fixed_point import Integers

KEY_SIZE = 32
_BLOCK = 2**16
"""Integers that are drawn at once: they stay in the processor's cache."""


class MaskStream(NamedTuple):
    """A mask: a key's stream of integers, to be added or subtracted."""

    key: bytes
    sign: int

    def inverted(self) -> "MaskStream":
        """Return what takes the mask away."""
        return MaskStream(self.key, -self.sign)


def find_public_key(private: bytes) -> bytes:
    """Return the X25519 public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agree_on_key(private: bytes, public: bytes, *purpose: object) -> bytes:
    """Return the key that two parties share for a purpose: X25519, then HKDF.

    Raises:
        ValueError: the public key is none, or would make any private one agree on the same.
    """
    shared = X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(public)
    )
    return derive_key(shared, *purpose)


def derive_key(secret: bytes, *purpose: object) -> bytes:
    """Return a key for a purpose, HKDF of a secret (RFC 5869)."""
    info = "\0".join(("flmrcm", *map(str, purpose))).encode()
    return HKDF(SHA256(), KEY_SIZE, salt=None, info=info).derive(secret)


def seal(key: bytes, text: bytes) -> bytes:
    """Return a text that only the key opens; a key seals one text."""
    return ChaCha20Poly1305(key).encrypt(bytes(12), text, None)


def open_sealed(key: bytes, sealed: bytes) -> bytes:
    """Return a sealed text.

    Raises:
        ValueError: another key sealed it, or it was changed.
    """
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), sealed, None)
    except InvalidTag:
        raise ValueError("another key sealed it, or it was changed") from None


def add_streams(total: Integers, streams: Iterable[MaskStream]) -> None:
    """Add masks to integers in place, modulo 2⁶⁴; each is the ChaCha20 stream of its key."""
    drawn, nothing = bytearray(8 * _BLOCK + 63), memoryview(bytes(8 * _BLOCK))
    for key, sign in streams:
        cipher = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
        add = np.add if sign > 0 else np.subtract
        for begin in range(0, len(total), _BLOCK):
            part = total[begin : begin + _BLOCK]
            cipher.update_into(nothing[: 8 * len(part)], drawn)
            add(part, np.frombuffer(drawn, "<u8", len(part)), out=part)
