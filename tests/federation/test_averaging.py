"""The running average of the global weights: kept beside them, and never trained from."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kits.laws import equal, fl_mrcm

from flmrcm.errors import ConfigErrors
from flmrcm.federation.averaging import EMA, WeightAverage
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.types import ServerState

KEPT = {"average": WeightAverage(0.7)}


def average(decay, values):
    """Return the averages of one weight after each round."""
    rule, before, found = WeightAverage(decay), ServerState({}), []
    for value in values:
        before = rule.update(before, ServerState({"w": torch.tensor(value)}, before.extras))
        found.append(float(before.extras[EMA]["w"]))
    return found


@given(st.floats(0.01, 0.99), st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=9))
def test_it_is_the_sum_of_all_rounds_each_weighing_less_the_older_it_is(decay, values):
    last = len(values) - 1
    weights = [(1 - decay) * decay ** (last - t) for t in range(last + 1)]
    weights[0] = decay**last  # the first round is where it begins
    expected = sum(w * v for w, v in zip(weights, values, strict=True))
    assert average(decay, values)[-1] == pytest.approx(expected, abs=1e-5)
    assert sum(weights) == pytest.approx(1)


def test_a_weight_that_stays_is_its_own_average():
    assert average(0.9, [3.0, 3.0, 3.0]) == [3.0, 3.0, 3.0]


def test_whole_numbers_are_the_newest():
    rule, before = WeightAverage(0.5), ServerState({}, {EMA: {"n": torch.tensor(1)}})
    assert rule.update(before, ServerState({"n": torch.tensor(8)})).extras[EMA]["n"] == 8


@pytest.mark.parametrize("strategy", [FedAvg(), Scaffold(), fl_mrcm()], ids=lambda s: str(s.name))
def test_keeping_it_changes_no_bit_of_a_training(setting, strategy):
    kept, none = setting(rounds=3, plan=KEPT), setting(rounds=3)
    assert equal(kept.run(strategy).weights, none.run(strategy).weights)


def test_it_is_the_average_of_the_checkpoints(setting):
    here = setting(rounds=3, plan=KEPT)
    federation = here.federation(FedAvg())
    federation.checkpoints.keep_every = 1
    state = federation.run(here.module().model.state_dict())
    rule, before = WeightAverage(0.7), ServerState({})
    for round_ in range(3):
        path = here.folder / f"checkpoints/round_{round_:04}.pt"
        before = rule.update(before, ServerState(read_checkpoint(path).weights, before.extras))
    assert equal(before.extras[EMA], state.extras[EMA])


@pytest.mark.parametrize("cut", [False, True], ids=["straight", "resumed"])
def test_last_ema_is_the_last_checkpoint_with_the_average_in_its_place(setting, cut):
    here = setting(rounds=1 if cut else 3, plan=KEPT)
    here.run(FedAvg())
    here.rounds = 3
    state = here.run(FedAvg())
    last, averaged = (
        read_checkpoint(here.folder / f"checkpoints/{name}.pt") for name in ("last", "last_ema")
    )
    assert equal(averaged.weights, state.extras[EMA])
    assert not equal(averaged.weights, last.weights)
    assert (averaged.round, averaged.memory) == (last.round, last.memory)


def test_without_it_there_is_no_such_file(setting):
    here = setting(rounds=1)
    here.run(FedAvg())
    assert not (here.folder / "checkpoints" / "last_ema.pt").exists()


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(ConfigErrors, match=r"ema\.decay: between 0 and 1"):
        WeightAverage(decay)
