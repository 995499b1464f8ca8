"""Means of sites' tensors."""

from collections.abc import Iterator
from weakref import ref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from flmrcm.strategies.aggregation import RunningMean, average_replies
from flmrcm.types import Reply


def replies() -> Iterator[Reply]:
    """Sites with the weights 1, 2, 6 and 1, 3, 4 training slices, one at a time."""
    for site, weight, n in (("a", 1.0, 1), ("b", 2.0, 3), ("c", 6.0, 4)):
        yield Reply(site, n, {"w": torch.full((2,), weight), "b": torch.tensor(-weight)})


@pytest.mark.parametrize(("weighting", "mean"), [("uniform", 3.0), ("examples", 31 / 8)])
def test_the_mean_is_of_sites_or_of_examples(weighting: str, mean: float) -> None:
    mean_weights = average_replies(replies(), weighting)
    assert_close(mean_weights, {"w": torch.full((2,), mean), "b": torch.tensor(-mean)})


@given(st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=9))
@settings(deadline=None)
def test_the_mean_of_equal_weights_is_the_weight(values: list[float]) -> None:
    weights = {"w": torch.tensor(values)}
    sites = (Reply(name, 1, weights) for name in "abc")
    assert torch.equal(average_replies(sites, "uniform")["w"], weights["w"])


def test_sums_are_double_and_types_come_back() -> None:
    values = (2.0**24, 1.0, 1.0, -(2.0**24))  # in single precision the ones are lost
    mean = RunningMean()
    for value in values:
        mean.add({"w": torch.tensor(value), "half": torch.tensor(value / 2**10).half()})
    assert mean.result()["w"] == 0.5
    assert mean.result()["w"].dtype == torch.float32
    assert mean.result()["half"].dtype == torch.float16


def test_replies_are_freed_one_by_one() -> None:
    alive: list[ref[Reply]] = []

    def tracked() -> Iterator[Reply]:
        for site in "abcd":
            reply = Reply(site, 1, {"w": torch.ones(3)})
            alive.append(ref(reply))
            yield reply
            del reply
            assert sum(r() is not None for r in alive) <= 1  # the one the loop still holds

    average_replies(tracked(), "uniform")
    assert len(alive) == 4


def test_what_was_added_is_not_changed() -> None:
    first = {"w": torch.ones(2, dtype=torch.float64)}
    mean = RunningMean()
    mean.add(first)
    mean.add({"w": torch.full((2,), 5.0, dtype=torch.float64)})
    assert mean.result()["w"].tolist() == [3.0, 3.0]
    assert first["w"].tolist() == [1.0, 1.0]
