"""Shamir's secret sharing (Communications of the ACM, 1979): t shares tell all, t − 1 nothing."""

import secrets
from collections.abc import Mapping

PRIME = 2**255 - 19
"""Secrets and shares are below it: 32 bytes hold either, as they hold X25519's private keys."""

SIZE = 32
"""Bytes of a secret, and of a share."""


def draw_secret() -> bytes:
    """Return a secret of the operating system's generator, uniform below the prime."""
    return secrets.randbelow(PRIME).to_bytes(SIZE, "big")


def split_secret(secret: bytes, threshold: int, holders: int) -> list[bytes]:
    """Return a share for each holder: a random polynomial through the secret, at 1, 2, … .

    Args:
        secret: below the prime.
        threshold: t ≥ 1, how many shares give it back.
        holders: at least t.
    """
    polynomial = [int.from_bytes(secret, "big")]
    polynomial += [secrets.randbelow(PRIME) for _ in range(threshold - 1)]
    return [_evaluate(polynomial, x).to_bytes(SIZE, "big") for x in range(1, holders + 1)]


def join_shares(shares: Mapping[int, bytes]) -> bytes:
    """Return the secret of at least t shares, by Lagrange's interpolation at 0.

    Fewer, or wrong ones, give another number, and nothing tells.

    Args:
        shares: by their place, counted from 1.
    """
    total = 0
    for x, share in shares.items():
        above, below = int.from_bytes(share, "big"), 1
        for other in shares:
            if other != x:
                above, below = above * other % PRIME, below * (other - x) % PRIME
        total += above * pow(below, -1, PRIME)
    return (total % PRIME).to_bytes(SIZE, "big")


def _evaluate(polynomial: list[int], x: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = (value * x + coefficient) % PRIME
    return value
