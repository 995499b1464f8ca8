"""The proximal term."""

import pytest
import torch
from kits.factories import make_batch, make_context, make_learner
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.strategies.base import LocalRule
from flmrcm.strategies.fedprox import FedProx
from flmrcm.types import Broadcast, Learner


def rule_of(learner: Learner, mu: float, anchored: float) -> LocalRule:
    """The rule of a site that was sent all weights as one number."""
    sent = {name: torch.full_like(w, anchored) for name, w in learner.model.state_dict().items()}
    message = Broadcast(0, sent)
    return FedProx(mu=mu).local_rule(make_context(learner, message=message))


def test_the_gradient_is_that_of_the_proximal_objective() -> None:
    batch, mu, anchored = make_batch(), 0.3, 0.05
    ours, theirs = make_learner(), make_learner()
    ours.training_step(batch)["loss"].backward()
    rule_of(ours, mu, anchored).adjust_gradients(ours)
    distance = sum((w - anchored).square().sum() for w in theirs.parameters())
    (theirs.training_step(batch)["loss"] + mu / 2 * distance).backward()
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(one.grad, two.grad)


def test_no_pull_is_federated_averaging_bit_for_bit() -> None:
    learner = make_learner()
    learner.training_step(make_batch())["loss"].backward()
    before = [p.grad.clone() for p in learner.parameters()]
    rule_of(learner, 0, 0.05).adjust_gradients(learner)
    assert all(torch.equal(p.grad, g) for p, g in zip(learner.parameters(), before, strict=True))


def test_at_the_global_weights_nothing_pulls() -> None:
    learner = make_learner()
    for weight in learner.parameters():
        weight.grad = torch.zeros_like(weight)
    message = Broadcast(0, {k: v.clone() for k, v in learner.model.state_dict().items()})
    rule = FedProx(mu=9).local_rule(make_context(learner, message=message))
    rule.adjust_gradients(learner)
    assert not any(p.grad.any() for p in learner.parameters())


def test_frozen_and_private_weights_do_not_change() -> None:
    learner = make_learner()
    rule = FedProx(mu=1).local_rule(make_context(learner))
    first, *others = learner.parameters()
    first.grad = torch.zeros_like(first)
    rule.adjust_gradients(learner)
    assert not first.grad.any()
    assert all(p.grad is None for p in others)


def test_a_negative_pull_is_refused() -> None:
    with pytest.raises(ConfigErrors, match=r"strategy\.mu: at least 0; got -1"):
        FedProx(mu=-1)
