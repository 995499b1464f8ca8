"""Randomness with an address: a draw depends on its place, not on the draws before it."""

import random
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np


def seed_for(*address: object) -> int:
    """Return a seed in [0, 2**32) that depends on every part of the address and on nothing else.

    Args:
        address: words and numbers that name the draw: run seed, site, round, purpose.
    """
    digest = blake2b(repr(address).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


@contextmanager
def seeded(*address: object) -> Generator[int]:
    """Seed Python, NumPy and torch for a block and restore their states; yield the seed."""
    import torch  # only here: what only reads results needn't wait for it

    seed = seed_for(*address)
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  libraries below may still draw from the global state
        torch.manual_seed(seed)
        try:
            yield seed
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
