"""The server's optimizers: plain ones, Flower's, and FL-MR where they add nothing."""

import importlib
import math
import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from kits.laws import equal
from torch import Tensor
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.server_optimizer import (
    MOMENTUM,
    VARIANCE,
    AdaptiveServer,
    FedAdagrad,
    FedAdam,
    FedAvgM,
    FedYogi,
)
from flmrcm.types import Reply, ServerState

ADAPTIVE = [FedAdagrad, FedAdam, FedYogi]
ALL = [FedAvgM(), FedAdagrad(), FedAdam(), FedYogi()]
BY_NAME = pytest.mark.parametrize("strategy", ALL, ids=lambda s: type(s).__name__)
SIZE, ROUNDS = 5, 6
rng = torch.Generator().manual_seed(1)
START = torch.randn(SIZE, generator=rng)
MOVES = torch.randn(ROUNDS, 2, SIZE, generator=rng) * torch.tensor([3.0, 0.3, 0.03, 1e-3, 0.0])
"""How two sites change the weights, of very different lengths in each coordinate."""


def play(strategy: FedAvg) -> list[Tensor]:
    """Return the weights after each round of two sites that move as above."""
    state, path = strategy.start({"w": START.clone()}, ["a", "b"]), []
    for moves in MOVES:
        sites = zip("ab", moves, strict=True)
        replies = [Reply(name, 1, {"w": state.weights["w"] + move}) for name, move in sites]
        state = strategy.aggregate(state, iter(replies))
        path.append(state.weights["w"])
    return path


def plain(name: str, eta: float, b1: float, b2: float, tau: float, v0: float) -> list[Tensor]:
    """Algorithm 2 of Reddi et al., and momentum, on the same moves, in double precision."""
    x, m, v = START.double(), torch.zeros(SIZE).double(), torch.full((SIZE,), v0).double()
    path = []
    for moves in MOVES.double():
        delta = moves.mean(0)
        if name == "FedAvgM":
            m = b1 * m + delta
            x = x + eta * m
        else:
            m = b1 * m + (1 - b1) * delta
            if name == "FedAdagrad":
                v = v + delta**2
            elif name == "FedAdam":
                v = b2 * v + (1 - b2) * delta**2
            else:
                v = v - (1 - b2) * delta**2 * torch.sign(v - delta**2)
            x = x + eta * m / (torch.sqrt(v) + tau)
        path.append(x.float())
    return path


@pytest.mark.parametrize("kind", ADAPTIVE)
@pytest.mark.parametrize(("beta_1", "tau", "initial"), [(0.9, 1e-3, 1.0), (0.0, 0.1, 0.0)])
def test_the_step_is_that_of_algorithm_two(
    kind: type[AdaptiveServer], beta_1: float, tau: float, initial: float
) -> None:
    more: Any = {} if kind is FedAdagrad else {"beta_2": 0.7}
    strategy = kind(rate=0.2, beta_1=beta_1, tau=tau, initial=initial, **more)
    expected = plain(kind.__name__, 0.2, beta_1, 0.7, tau, initial * tau**2)
    assert_close(play(strategy), expected)


@pytest.mark.parametrize(("rate", "momentum"), [(1.0, 0.9), (0.3, 0.5), (0.3, 0.0)])
def test_momentum_adds_up_changes(rate: float, momentum: float) -> None:
    expected = plain("FedAvgM", rate, momentum, 0, 0, 0)
    assert_close(play(FedAvgM(rate=rate, momentum=momentum)), expected)


def test_at_rate_one_without_momentum_it_is_fl_mr_bit_for_bit(run: Any) -> None:
    assert equal(run(FedAvgM(rate=1.0, momentum=0.0)).weights, run(FedAvg()).weights)


@pytest.mark.parametrize("kind", ADAPTIVE)
def test_where_nothing_is_scaled_it_is_fl_mr_but_for_rounding(
    run: Any, kind: type[AdaptiveServer]
) -> None:
    # with τ far above every change, η/(√v + τ) is 1
    state = run(kind(rate=1e9, tau=1e9, initial=0.0, beta_1=0.0))
    assert_close(dict(state.weights), dict(run(FedAvg()).weights), rtol=1e-6, atol=1e-7)


@BY_NAME
def test_its_first_step_is_its_own(run: Any, strategy: FedAvg) -> None:
    rounds = 2 if isinstance(strategy, FedAvgM) else 1
    one = run(strategy, rounds=rounds).weights
    assert not equal(one, run(FedAvg(), rounds=rounds).weights)


@BY_NAME
def test_a_resumed_run_goes_on_with_the_servers_state(setting: Any, strategy: FedAvg) -> None:
    whole, halves = setting(rounds=3), setting(rounds=1)
    expected = whole.run(strategy)
    halves.run(strategy)
    saved = read_checkpoint(halves.folder / "checkpoints" / "last.pt")
    assert any(tensor.any() for tensor in saved.extras[MOMENTUM].values())
    halves.rounds = 3
    resumed = halves.run(strategy)
    assert equal(dict(resumed.weights), dict(expected.weights))
    assert all(equal(dict(resumed.extras[k]), dict(expected.extras[k])) for k in expected.extras)


@BY_NAME
def test_counts_and_statistics_are_averaged_and_never_optimized(strategy: FedAvg) -> None:
    names = ["n.num_batches_tracked", "n.running_mean", "n.running_var", "n.weight"]
    start = {n: torch.tensor(4) if "batches" in n else torch.tensor([4.0]) for n in names}
    state = replace(strategy).start(start, ["a", "b"])
    assert state.extras[MOMENTUM].keys() == {"n.weight"}
    for round_ in range(1, 4):
        replies = [
            Reply(site, 1, {n: (w + step).to(start[n]) for n, w in state.weights.items()})
            for site, step in (("a", -2.0), ("b", 1.0))
        ]
        expected = FedAvg().aggregate(ServerState(state.weights), iter(replies)).weights
        state = strategy.aggregate(state, iter(replies))
        for name in names[:3]:
            assert torch.equal(state.weights[name], expected[name]), (name, round_)
        assert state.weights[names[0]].dtype == torch.int64


@BY_NAME
def test_aggregation_changes_no_state(strategy: FedAvg) -> None:
    state = strategy.start({"w": START.clone()}, ["a"])
    before = {kind: {k: v.clone() for k, v in e.items()} for kind, e in state.extras.items()}
    strategy.aggregate(state, [Reply("a", 1, {"w": START + 1})])
    assert torch.equal(state.weights["w"], START)
    assert all(equal(before[kind], dict(state.extras[kind])) for kind in before)


@BY_NAME
def test_robust_rules_and_weightings_work_below_it(strategy: FedAvg) -> None:
    robust = replace(strategy, aggregation="median")
    assert all(torch.isfinite(w).all() for w in play(robust))
    one, other = (replace(strategy, weighting=by) for by in ("uniform", "examples"))
    state = one.start({"w": START.clone()}, ["a", "b"])
    replies = [Reply("a", 1, {"w": START + 1}), Reply("b", 3, {"w": START - 0.5})]
    moved = [s.aggregate(state, iter(replies)).weights["w"] for s in (one, other)]
    assert (moved[0] > START).all()
    assert (moved[1] < START).all()


@pytest.mark.parametrize("start", [1.0, 1e-6])
def test_yogis_variance_never_falls_below_zero(start: float) -> None:
    variance = torch.tensor([start])
    for square in (1e-9, 1e-3, 0.5, 0.9, 2.0, 0.0):
        variance = FedYogi(beta_2=0.0).update_variance(variance, torch.tensor([square]))
        assert variance >= 0


FLOWER = {
    "FedAvgM": {"server_learning_rate": 0.3, "server_momentum": 0.9},
    "FedAdagrad": {"eta": 0.2, "tau": 1e-3},
    "FedAdam": {"eta": 0.2, "tau": 1e-3, "beta_1": 0.9, "beta_2": 0.7},
    "FedYogi": {"eta": 0.2, "tau": 1e-3, "beta_1": 0.9, "beta_2": 0.7},
}
ADAM = FedAdam(rate=0.2, tau=1e-3, beta_1=0.9, beta_2=0.7, initial=0, bias_correction=True)
OURS = {
    "FedAvgM": FedAvgM(rate=0.3, momentum=0.9),
    "FedAdagrad": FedAdagrad(rate=0.2, tau=1e-3, initial=0),
    "FedAdam": ADAM,
    "FedYogi": FedYogi(rate=0.2, tau=1e-3, beta_1=0.9, beta_2=0.7, initial=0),
}


def by_flower(name: str) -> list[Tensor]:
    """Return the weights after each round by Flower's strategy of that name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what others deprecate
        common = importlib.import_module("flwr.common")
        kind = getattr(importlib.import_module("flwr.server.strategy"), name)
    weights, path = START.clone(), []
    begin = common.ndarrays_to_parameters([weights.numpy()])
    strategy = kind(**FLOWER[name], initial_parameters=begin)
    for round_, moves in enumerate(MOVES, start=1):
        sent = [common.ndarrays_to_parameters([(weights + move).numpy()]) for move in moves]
        good = common.Status(common.Code.OK, "")
        replies = [(None, common.FitRes(good, parameters, 1, {})) for parameters in sent]
        new, _ = strategy.aggregate_fit(round_, replies, [])
        if name == "FedAvgM":
            strategy.initial_parameters = new  # from which its next step is counted
        weights = torch.from_numpy(common.parameters_to_ndarrays(new)[0]).float()
        path.append(weights)
    return path


@pytest.mark.parametrize("name", OURS)
def test_it_is_flowers(name: str) -> None:
    pytest.importorskip("flwr")
    assert_close(play(OURS[name]), by_flower(name), rtol=1e-4, atol=1e-5)


def test_the_first_corrected_rate_is_flowers() -> None:
    with_it, without = (
        play(replace(ADAM, bias_correction=correct))[0] - START for correct in (True, False)
    )
    moved = without != 0
    factor = math.sqrt(1 - 0.7**2) / (1 - 0.9**2)
    assert_close(with_it[moved] / without[moved], torch.full((4,), factor), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("kind", "options", "key"),
    [
        (FedAvgM, {"rate": 0}, "rate"),
        (FedAvgM, {"momentum": 1}, "momentum"),
        (FedAdam, {"beta_1": 1}, "beta_1"),
        (FedAdam, {"beta_2": -0.1}, "beta_2"),
        (FedYogi, {"beta_2": 1}, "beta_2"),
        (FedAdagrad, {"tau": 0}, "tau"),
        (FedAdagrad, {"initial": -1}, "initial"),
    ],
)
def test_a_value_out_of_range_is_refused(kind: Any, options: Any, key: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"strategy\.{key}: "):
        kind(**options)


def test_the_variance_starts_as_configured() -> None:
    state = FedAdam(tau=0.1, initial=5.0).start({"w": START}, ["a"])
    assert_close(state.extras[VARIANCE]["w"], torch.full((SIZE,), 0.05))
