"""Federated averaging, and what every strategy does unless it says otherwise."""

import pytest
import torch
from kits.factories import make_batch, make_context, make_learner

from flmrcm.errors import ConfigErrors
from flmrcm.strategies.base import LocalRule
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Broadcast, Memory, Reply, ServerState

STATE = ServerState({"w": torch.zeros(2)}, {"kept": {"x": torch.ones(1)}})


@pytest.mark.parametrize(("weighting", "mean"), [("uniform", 2.0), ("examples", 2.5)])
def test_the_server_averages_by_its_weighting(weighting: str, mean: float) -> None:
    replies = (
        Reply(s, n, {"w": torch.full((2,), v)}) for s, n, v in (("a", 1, 1.0), ("b", 3, 3.0))
    )
    state = FedAvg(weighting=weighting).aggregate(STATE, replies)
    assert state.weights["w"].tolist() == [mean, mean]
    assert state.extras == STATE.extras


def test_every_site_is_sent_the_global_weights_and_nothing_else() -> None:
    messages = FedAvg(target="b").broadcast(STATE, 4, ["a", "b"], [])
    assert list(messages) == ["a", "b"]
    for message in messages.values():
        assert message == Broadcast(4, STATE.weights, {})


def test_by_default_there_is_no_survey_all_is_shared_and_no_images_are_needed() -> None:
    strategy = FedAvg(target="b")
    assert strategy.survey(STATE, 0) == {}
    assert strategy.is_shared("any.weight")
    assert not strategy.needs_target
    assert not strategy.needs_target_images
    assert strategy.start({"w": torch.ones(1)}, ["a"]).extras == {}


def test_the_plain_rule_changes_nothing() -> None:
    learner, batch = make_learner(), make_batch()
    context = make_context(learner)
    rule = FedAvg().local_rule(context)
    assert type(rule) is LocalRule
    step = learner.training_step(batch)
    step["loss"].backward()
    before = [p.grad.clone() for p in learner.parameters()]
    assert rule.extend(step, batch) is step
    rule.observe(step, batch)
    rule.adjust_gradients(learner)
    assert rule.penalty(step, batch) == 0
    assert all(torch.equal(p.grad, g) for p, g in zip(learner.parameters(), before, strict=True))
    assert (rule.finish(learner), rule.metrics()) == ({}, {})
    assert context.memory == Memory()


def test_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(
        ConfigErrors, match=r"strategy\.weighting=uniformly: .*Did you mean 'uniform'"
    ):
        FedAvg(weighting="uniformly")
