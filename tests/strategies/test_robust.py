"""Laws of the rules that tolerate arbitrary replies."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.robust import (
    RULES,
    combine_robustly,
    count_needed_replies,
    krum,
    median,
    squared_distances,
    trimmed_mean,
)
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.types import Reply, ServerState

NUMBERS = st.floats(-1e3, 1e3, width=32)
ARBITRARY = st.floats(-(2.0**100), 2.0**100, width=32)


def sets_of(*points):
    return [{"w": torch.tensor(point[:-1]), "b": torch.tensor(point[-1])} for point in points]


def points(numbers, count):
    return st.lists(st.tuples(numbers, numbers, numbers), min_size=count, max_size=count)


@pytest.mark.parametrize("rule", RULES)
@given(point=st.tuples(NUMBERS, NUMBERS, NUMBERS), count=st.integers(5, 8))
@settings(deadline=None, max_examples=30)
def test_of_equal_replies_every_rule_returns_that_reply(rule, point, count):
    sets = sets_of(*[point] * count)
    combined = RULES[rule](sets, 1)
    assert all(torch.equal(combined[name], sets[0][name]) for name in sets[0])


def test_the_median_is_the_middle_or_the_mean_of_the_middle_two():
    assert median(sets_of((1.0, 9.0, 3.0), (2.0, 0.0, 4.0), (7.0, 1.0, 5.0)))["w"].tolist() == [
        2,
        1,
    ]
    assert median(sets_of((1.0, 9.0), (4.0, 3.0)))["w"].tolist() == [2.5]


def test_the_trimmed_mean_leaves_the_extremes_out():
    sets = sets_of((1.0, 0.0), (2.0, 0.0), (6.0, 0.0), (99.0, 0.0), (-50.0, 0.0))
    assert trimmed_mean(sets, 1)["w"].tolist() == [3.0]
    assert_close(trimmed_mean(sets, 0)["w"], torch.tensor([58 / 5]))


@pytest.mark.parametrize("rule", ["median", "trimmed_mean"])
@given(honest=points(NUMBERS, 4), odd=points(ARBITRARY, 1), place=st.integers(0, 4))
@settings(deadline=None, max_examples=50)
def test_with_one_arbitrary_reply_of_five_every_coordinate_lies_between_honest_ones(
    rule, honest, odd, place
):
    sets = sets_of(*honest[:place], *odd, *honest[place:])
    combined, good = RULES[rule](sets, 1), sets_of(*honest)
    for name, tensor in combined.items():
        column = torch.stack([weights[name] for weights in good])
        assert (tensor >= column.amin(0)).all()
        assert (tensor <= column.amax(0)).all()


@given(honest=points(NUMBERS, 4), odd=points(ARBITRARY, 1), place=st.integers(0, 4))
@settings(deadline=None, max_examples=50)
def test_one_arbitrary_reply_of_five_moves_krum_no_further_than_the_honest_differ(
    honest, odd, place
):
    """Its two nearest are nearer than √2 times the honest diameter, and one of them is honest."""
    sets = sets_of(*honest[:place], *odd, *honest[place:])
    good = sets_of(*honest)
    combined = squared_distances([krum(sets, 1), *good])[0, 1:]
    assert combined.min() <= 2 * squared_distances(good).max() * (1 + 1e-9)


def test_distances_are_squared_and_over_all_tensors():
    sets = sets_of((0.0, 0.0, 0.0), (3.0, 4.0, 0.0), (0.0, 0.0, 2.0))
    expected = torch.tensor([[0.0, 25, 4], [25, 0, 29], [4, 29, 0]]).double()
    assert_close(squared_distances(sets), expected)


def test_krum_returns_one_of_the_replies_bit_for_bit():
    sets = sets_of((0.1, 0.0), (0.2, 0.0), (0.3, 0.0), (0.35, 0.0), (1e9, 0.0))
    assert torch.equal(krum(sets, 1)["w"], sets[2]["w"])


def test_an_arbitrary_reply_moves_a_mean_without_limit():
    replies = [Reply(f"s{i}", 1, {"w": torch.ones(2)}) for i in range(4)]
    replies.append(Reply("s4", 1, {"w": torch.full((2,), 1e9)}))
    state = ServerState({"w": torch.zeros(2)})
    assert FedAvg().aggregate(state, replies).weights["w"].max() > 1e8
    for rule in RULES:
        robust = FedAvg(aggregation=rule).aggregate(state, replies)
        assert torch.equal(robust.weights["w"], torch.ones(2))


def test_too_few_replies_are_one_line():
    replies = [Reply(f"s{i}", 1, {"w": torch.ones(1)}) for i in range(4)]
    with pytest.raises(
        SiteFailed, match=r"krum with strategy\.faulty=1 needs 5 replies; 4 arrived"
    ):
        combine_robustly(replies, "krum", 1)
    assert count_needed_replies("trimmed_mean", 2) == 5
    assert count_needed_replies("median", 2) == count_needed_replies("mean", 2) == 1


def test_of_more_coordinates_than_are_sorted_at_a_time_each_has_its_own_median():
    sets = [{"w": torch.rand(300, 301, generator=torch.manual_seed(n))} for n in range(5)]
    expected = torch.stack([weights["w"] for weights in sets]).median(0).values
    assert torch.equal(median(sets)["w"], expected)


def test_whole_numbers_stay_whole():
    sets = [{"n": torch.tensor(n)} for n in (1, 2, 9)]
    assert torch.equal(median(sets)["n"], torch.tensor(2))


@pytest.mark.parametrize(
    ("kind", "values", "line"),
    [
        (FedAvg, {"aggregation": "krumm"}, "Did you mean 'krum'?"),
        (FedAvg, {"faulty": -1}, "strategy.faulty: at least 0"),
        (FedAvg, {"aggregation": "krum", "weighting": "examples"}, "krum counts sites alike"),
        (Scaffold, {"aggregation": "median"}, "its control variates are means"),
    ],
)
def test_a_wrong_value_is_refused(kind, values, line):
    with pytest.raises(ConfigErrors, match=line.replace("?", r"\?")):
        kind(**values)


def test_how_many_batches_a_site_has_counted_is_no_distance():
    """The odd set of five trained as long as most; the honest ones have sites of other sizes."""
    points, counts = (0.0, 0.01, -0.01, 50.0, 0.02), (10, 400, 200, 205, 190)
    sets = [
        {"w": torch.full((3,), x), "norm.num_batches_tracked": torch.tensor(n)}
        for x, n in zip(points, counts, strict=True)
    ]
    plain = [{"w": one["w"]} for one in sets]
    assert torch.equal(squared_distances(sets), squared_distances(plain))
    assert krum(sets, 1)["norm.num_batches_tracked"] == 10
