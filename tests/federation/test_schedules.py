"""The learning rate of each round: known at its number, never above the run's base rate."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from flmrcm.errors import ConfigErrors
from flmrcm.federation.schedules import Schedule

KINDS = ("step", "cosine", "warmup_cosine", "none")


def rates(rounds=20, **numbers):
    return [Schedule(**numbers).find_factor(round_, rounds) for round_ in range(rounds)]


def torchs(make, rounds=20):
    """The rates that a scheduler of torch gives, one step a round."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = make(optimizer), []
    for _ in range(rounds):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_steps_are_torchs():
    expected = torchs(lambda optimizer: StepLR(optimizer, 7, 0.3))
    assert rates(decay_every=7, decay_factor=0.3) == pytest.approx(expected)


def test_the_cosine_is_torchs():
    expected = torchs(lambda optimizer: CosineAnnealingLR(optimizer, 20, eta_min=0.05))
    assert rates(schedule="cosine", lowest_factor=0.05) == pytest.approx(expected)


def test_none_leaves_the_rate():
    assert set(rates(schedule="none", decay_every=1)) == {1.0}


def test_a_warm_up_rises_in_equal_steps_to_the_whole_rate_and_then_falls():
    found = rates(schedule="warmup_cosine", warmup_rounds=4)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found[4:] == sorted(found[4:], reverse=True)


def test_without_a_warm_up_it_is_a_cosine():
    assert rates(schedule="warmup_cosine", warmup_rounds=0) == rates(schedule="cosine")


@given(st.sampled_from(KINDS), st.integers(1, 60), st.integers(0, 70), st.integers(0, 10))
def test_no_rate_is_above_the_base_rate_and_none_is_nothing(kind, rounds, round_, warmup):
    schedule = Schedule(kind, warmup_rounds=warmup)
    assert 0 < schedule.find_factor(round_, rounds) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_with_an_end_of_its_own_a_schedule_does_not_ask_how_long_the_run_is(kind):
    own = Schedule(kind, schedule_rounds=8)
    assert [own.find_factor(r, 8) for r in range(12)] == [own.find_factor(r, 12) for r in range(12)]


@pytest.mark.parametrize("kind", ["cosine", "warmup_cosine"])
def test_after_its_end_a_cosine_stays_at_its_lowest(kind):
    assert rates(12, schedule=kind, schedule_rounds=8, lowest_factor=0.2)[8:] == [0.2] * 4


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"schedule": "cosin"}, "Did you mean 'cosine'?"),
        ({"decay_every": 0}, "local.decay_every: at least 1"),
        ({"decay_factor": 0.0}, "local.decay_factor: in (0, 1]"),
        ({"warmup_rounds": -1}, "local.warmup_rounds: at least 0"),
        ({"schedule_rounds": 0}, "local.schedule_rounds: at least 1"),
        ({"lowest_factor": 0.0}, "local.lowest_factor: in (0, 1]"),
    ],
)
def test_a_number_outside_its_range_is_refused(numbers, said):
    with pytest.raises(ConfigErrors) as caught:
        Schedule(**numbers)
    assert said in caught.value.problems[0]
