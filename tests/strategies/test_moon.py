"""MOON: its term in closed form, its first round, and what of it stays at a site."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from kits.factories import make_batch, make_context, make_learner
from kits.laws import equal
from torch import Tensor
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import LocalRule
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.moon import PREVIOUS, Moon
from flmrcm.types import Memory

BATCH = make_batch(3)


def rule_of(learner: ReconModule, previous: ReconModule | None, **options: Any) -> LocalRule:
    """Return the rule of a site whose network holds the global weights as it is made."""
    memory = Memory({PREVIOUS: previous.model.state_dict()} if previous else {})
    return Moon(**options).local_rule(make_context(learner, memory=memory))


def plain(z: Tensor, z_global: Tensor, z_previous: Tensor, mu: float, tau: float) -> Tensor:
    """Equation 3 of Li et al., written out."""

    def similarity(other: Tensor) -> Tensor:
        return (z * other).sum(1) / (z.norm(dim=1) * other.norm(dim=1))

    near, far = torch.exp(similarity(z_global) / tau), torch.exp(similarity(z_previous) / tau)
    return -mu * torch.log(near / (near + far)).mean()


@pytest.mark.parametrize(("mu", "tau"), [(1.0, 0.5), (5.0, 0.1)])
def test_the_term_and_its_gradient_are_those_of_equation_three(mu: float, tau: float) -> None:
    ours, theirs = make_learner(seed=1), make_learner(seed=1)
    sent, previous = make_learner(seed=1), make_learner(seed=2)
    rule = rule_of(ours, previous, mu=mu, temperature=tau)
    moved = make_learner(seed=3).model.state_dict()  # as after some steps
    ours.model.load_state_dict(moved)
    theirs.model.load_state_dict(moved)
    term = rule.penalty(ours.training_step(BATCH), BATCH)
    others = [m.encode(BATCH).detach() for m in (sent, previous)]
    expected = plain(theirs.encode(BATCH), *others, mu, tau)
    assert isinstance(term, Tensor)
    assert_close(term, expected)
    term.backward()
    expected.backward()
    for (name, one), two in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if two.grad is not None:  # the decoder has none
            assert_close(one.grad, two.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_a_site_in_its_first_round_trains_plainly() -> None:
    learner = make_learner()
    rule = rule_of(learner, None)
    assert rule.penalty(learner.training_step(BATCH), BATCH) == 0


def test_it_pulls_towards_the_global_model_and_away_from_the_previous() -> None:
    learner = make_learner(seed=1)
    rule = rule_of(learner, make_learner(seed=2))
    at_the_global = rule.penalty(learner.training_step(BATCH), BATCH)
    learner.model.load_state_dict(make_learner(seed=2).model.state_dict())
    assert at_the_global < rule.penalty(learner.training_step(BATCH), BATCH)


def test_older_models_are_copies_that_no_step_changes() -> None:
    learner, previous = make_learner(seed=1), make_learner(seed=2)
    rule = rule_of(learner, previous)
    kept = deepcopy(previous.model.state_dict())
    first = rule.penalty(learner.training_step(BATCH), BATCH)
    with torch.no_grad():
        for weight in learner.parameters():
            weight.mul_(3)
    learner.model.load_state_dict(make_learner(seed=1).model.state_dict())
    assert torch.equal(rule.penalty(learner.training_step(BATCH), BATCH), first)
    assert equal(kept, previous.model.state_dict())


def test_the_trained_weights_stay_at_the_site_and_nothing_travels() -> None:
    learner, memory = make_learner(), Memory()
    rule = Moon().local_rule(make_context(learner, memory=memory))
    with torch.no_grad():
        for weight in learner.parameters():
            weight.add_(1)
    assert rule.finish(learner) == {}
    assert equal(memory.tensors[PREVIOUS], learner.model.state_dict())
    assert memory.tensors[PREVIOUS].keys() == learner.model.state_dict().keys()


def test_its_first_round_is_fl_mr_and_its_second_its_own(run: Any) -> None:
    assert equal(run(Moon(), rounds=1).weights, run(FedAvg(), rounds=1).weights)
    assert not equal(run(Moon(), rounds=2).weights, run(FedAvg(), rounds=2).weights)


def test_without_weight_it_is_fl_mr_bit_for_bit(run: Any) -> None:
    assert equal(run(Moon(mu=0.0), rounds=3).weights, run(FedAvg(), rounds=3).weights)


@pytest.mark.parametrize(("options", "key"), [({"mu": -1}, "mu"), ({"temperature": 0}, "temp")])
def test_a_value_out_of_range_is_refused(options: Any, key: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"strategy\.{key}"):
        Moon(**options)
