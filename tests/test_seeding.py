"""Randomness with an address."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flmrcm.seeding import seed_for, seeded

parts = st.one_of(st.integers(), st.text(), st.none())


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


@given(st.lists(parts, max_size=4))
@settings(deadline=None)
def test_a_seed_fits_every_generator(address: list[Any]) -> None:
    assert 0 <= seed_for(*address) < 2**32
    assert seed_for(*address) == seed_for(*address)


def test_every_part_of_the_address_counts() -> None:
    addresses = [("a", 1), ("a", 2), ("b", 1), ("a", "1"), ("a1",), (1, "a"), ("a", 1, None), ()]
    assert len({seed_for(*address) for address in addresses}) == len(addresses)


def test_seeds_are_the_same_in_every_process() -> None:
    # a changed number here changes every result ever written down
    assert seed_for(42, "brats", 3) == 3299640344


def test_a_block_draws_from_its_address_only() -> None:
    with seeded("here", 1):
        first = draw()
    draw()
    with seeded("here", 1):
        assert draw() == first
    with seeded("here", 2):
        assert draw() != first


def test_states_are_put_back() -> None:
    random.seed(0), np.random.seed(0), torch.manual_seed(0)  # noqa: NPY002
    expected = [draw(), draw()]
    random.seed(0), np.random.seed(0), torch.manual_seed(0)  # noqa: NPY002
    found = [draw()]
    with seeded("between"):
        draw()
    assert [*found, draw()] == expected


def test_states_are_put_back_after_an_error() -> None:
    random.seed(0), np.random.seed(0), torch.manual_seed(0)  # noqa: NPY002
    expected = draw()
    random.seed(0), np.random.seed(0), torch.manual_seed(0)  # noqa: NPY002
    with pytest.raises(ZeroDivisionError), seeded("between"):
        raise ZeroDivisionError(draw())
    assert draw() == expected


def test_the_block_gets_its_seed() -> None:
    with seeded("here", 1) as seed:
        assert seed == seed_for("here", 1)
