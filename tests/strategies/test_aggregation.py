"""Means of sites' tensors."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from weakref import ref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.strategies.aggregation import RunningMean, average_replies, list_trained
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fednova import FedNova
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.types import Broadcast, Reply

UNIFORM = "uniform"


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


LOSSES = {"a": 0.1, "b": 0.4, "c": 0.2}


def with_losses() -> Iterator[Reply]:
    return (replace(reply, metrics={"loss": LOSSES[reply.site]}) for reply in replies())


@pytest.mark.parametrize("fairness", [0.5, 1.0, 3.0])
def test_fair_weights_are_the_losses_to_the_power_of_q(fairness: float) -> None:
    weights = [loss**fairness for loss in LOSSES.values()]
    pairs = zip(weights, (1.0, 2.0, 6.0), strict=True)
    expected = sum(p * w for p, w in pairs) / sum(weights)
    mean = average_replies(with_losses(), "fair", fairness)
    assert_close(mean["w"], torch.full((2,), expected))


def test_fairness_of_zero_is_uniform_bit_for_bit() -> None:
    fair, uniform = average_replies(with_losses(), "fair", 0.0), average_replies(replies(), UNIFORM)
    assert all(torch.equal(fair[name], uniform[name]) for name in uniform)


def test_great_fairness_is_the_worst_site_alone() -> None:
    mean = average_replies(with_losses(), "fair", 100.0)
    assert_close(mean["w"], torch.full((2,), 2.0))


@pytest.mark.parametrize("kind", [FedAvg, Scaffold, FedNova])
@pytest.mark.parametrize("loss", [{}, {"loss": 0.0}, {"loss": -1.0}, {"loss": float("nan")}])
def test_a_fair_mean_refuses_a_reply_without_a_loss_above_zero(
    kind: type[Strategy], loss: dict[str, float]
) -> None:
    control = {"control": {"w": torch.zeros(2)}}
    sent = Broadcast(0, {"w": torch.zeros(2)}, control)
    extras = {"control_change": control["control"]}
    reply = Reply("a", 1, {"w": torch.ones(2)}, extras, {"steps": 2.0, **loss})
    problem = kind(weighting="fair").validate_reply("train", sent, reply)
    assert problem is not None
    assert "its loss is" in problem
    good = replace(reply, metrics={"steps": 2.0, "loss": 0.1})
    assert kind(weighting="fair").validate_reply("train", sent, good) is None
    assert kind().validate_reply("train", sent, reply) is None


@pytest.mark.parametrize(("loss", "fairness"), [(1e300, 2.0), (1e-200, 2.0), (0.01, 500.0)])
def test_a_loss_whose_power_is_no_weight_is_refused_and_ends_nothing(
    loss: float, fairness: float
) -> None:
    strategy, sent = FedAvg(weighting="fair", fairness=fairness), Broadcast(0, {})
    reply = Reply("a", 1, metrics={"loss": loss})
    assert "is no weight" in (strategy.validate_reply("train", sent, reply) or "")
    good = replace(reply, metrics={"loss": 0.99})
    assert strategy.validate_reply("train", sent, good) is None
    assert strategy.weigh(good) > 0


def test_negative_fairness_is_refused() -> None:
    with pytest.raises(ConfigErrors, match=r"strategy\.fairness: at least 0; got -1"):
        FedAvg(fairness=-1)


@pytest.mark.parametrize("kind", [FedAvg, Scaffold, FedNova])
def test_a_federation_leans_towards_the_site_with_the_larger_loss(run: Any, kind: Any) -> None:
    options = {"any_optimizer": True} if kind is FedNova else {}
    fair, uniform = (
        run(kind(weighting="fair", fairness=q, **options), rounds=1).weights for q in (9.0, 0.0)
    )
    assert any(not torch.equal(fair[name], uniform[name]) for name in uniform)


def test_what_gradients_change_is_neither_a_count_nor_a_statistic() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    trained = [name for name, _ in model.named_parameters()]
    assert list_trained(model.state_dict()) == trained
    assert len(model.state_dict()) == len(trained) + 3
