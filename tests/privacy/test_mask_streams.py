"""Masks: two sites' cancel, streams are ChaCha20's, and keys are for one purpose."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from flmrcm.privacy.mask_streams import (
    MaskStream,
    add_streams,
    agree_on_key,
    derive_key,
    find_public_key,
    open_sealed,
    seal,
)
from flmrcm.privacy.secret_sharing import draw_secret

N = 2**16 + 1000  # more than a block
"""Integers of a mask."""


def stream(*streams):
    total = np.zeros(N, np.uint64)
    add_streams(total, streams)
    return total


def test_a_mask_is_its_keys_chacha20_stream_whatever_the_blocks():
    key = draw_secret()
    whole = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(8 * N))
    assert (stream(MaskStream(key, 1)) == np.frombuffer(whole, "<u8")).all()


def test_two_masks_of_a_key_cancel_and_of_two_keys_do_not():
    one, other = MaskStream(draw_secret(), 1), MaskStream(draw_secret(), -1)
    assert not stream(one, one.inverted()).any()
    assert not stream(other, other.inverted()).any()
    assert (stream(one, other) != 0).mean() > 0.99


def test_both_parties_agree_on_a_key_and_nobody_else():
    one, other, third = draw_secret(), draw_secret(), draw_secret()
    shared = agree_on_key(one, find_public_key(other), "mask", 3)
    assert shared == agree_on_key(other, find_public_key(one), "mask", 3)
    assert shared != agree_on_key(third, find_public_key(one), "mask", 3)
    for purpose in (("mask", 4), ("seal", 3), ("mask", 3, "a")):
        assert agree_on_key(one, find_public_key(other), *purpose) != shared
    assert derive_key(one, "a") != derive_key(one, "b")
    private = X25519PrivateKey.from_private_bytes(one)
    assert private.public_key().public_bytes_raw() == find_public_key(one)


def test_a_key_that_agrees_with_everybody_is_refused():
    for public in (bytes(32), (1).to_bytes(32, "little"), b"short"):
        with pytest.raises(ValueError):  # noqa: PT011  # in the library's own words
            agree_on_key(draw_secret(), public)


def test_what_is_sealed_opens_with_its_key_alone_and_unchanged():
    key, sealed = draw_secret(), seal(draw_secret(), b"shares")
    assert open_sealed(key, seal(key, b"shares")) == b"shares"
    changed = bytes([seal(key, b"shares")[0] ^ 1]) + seal(key, b"shares")[1:]
    for wrong in (sealed, changed, b"", b"short"):
        with pytest.raises(ValueError, match="another key sealed it, or it was changed"):
            open_sealed(key, wrong)
