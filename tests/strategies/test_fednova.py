"""FedNova: sites that take more steps do not pull harder; exact for plain SGD alone."""

from functools import partial
from math import inf, nan
from typing import Any

import pytest
import torch
from kits.laws import equal
from torch import Tensor
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fednova import FedNova
from flmrcm.types import Broadcast, Reply, ServerState

CURVATURE, GOAL = torch.tensor([1.0, 4.0]), torch.tensor([[3.0, -1.0], [-2.0, 5.0]])
"""Of two sites with the objectives Σ c/2·(x − goal)², equal curvatures and unequal goals."""
LR = 0.01


def descend(x: Tensor, site: int, steps: int, lr: float = LR) -> Tensor:
    for _ in range(steps):
        x = x - lr * CURVATURE * (x - GOAL[site])
    return x


def reply(site: str, weight: Tensor, steps: float, n: int = 1) -> Reply:
    return Reply(site, n, {"w": weight}, metrics={"steps": steps})


def play(strategy: FedAvg, rounds: int, steps: tuple[int, int], lr: float = LR) -> Tensor:
    """Return the weights after rounds in which the two sites take so many steps of SGD."""
    state = strategy.start({"w": torch.zeros(2)}, ["a", "b"])
    for _ in range(rounds):
        ends = [descend(state.weights["w"], site, steps[site], lr) for site in (0, 1)]
        replies = [reply(name, *end) for name, *end in zip("ab", ends, steps, strict=True)]
        state = strategy.aggregate(state, iter(replies))
    return state.weights["w"]


@pytest.mark.parametrize(("weighting", "p"), [("uniform", (0.5, 0.5)), ("examples", (0.25, 0.75))])
def test_one_round_is_equation_eight_for_the_sites_gradients(
    weighting: str, p: tuple[float, float]
) -> None:
    start, taus = torch.tensor([0.5, -0.5]), (3, 12)
    sums = []  # independent of the replies' weights: each site's gradients, added up
    for site in (0, 1):
        x, total = start.double(), torch.zeros(2).double()
        for _ in range(taus[site]):
            gradient = CURVATURE * (x - GOAL[site])
            x, total = x - LR * gradient, total + gradient
        sums.append(total)
    effective = p[0] * taus[0] + p[1] * taus[1]
    direction = p[0] * sums[0] / taus[0] + p[1] * sums[1] / taus[1]
    expected = start - effective * LR * direction
    replies = [
        reply("a", descend(start, 0, taus[0]), taus[0], 1),
        reply("b", descend(start, 1, taus[1]), taus[1], 3),
    ]
    state = FedNova(weighting=weighting).aggregate(ServerState({"w": start}), iter(replies))
    assert_close(state.weights["w"], expected.float())


def test_it_ends_at_the_minimum_that_fl_mr_misses_where_steps_differ() -> None:
    best = GOAL.mean(0)
    nova, averaged = (play(s, 4000, (1, 20), 1e-3) for s in (FedNova(), FedAvg()))
    assert (nova - best).norm() < 0.1 * (averaged - best).norm()


def test_equal_steps_are_fl_mr_but_for_rounding() -> None:
    assert_close(play(FedNova(), 3, (7, 7)), play(FedAvg(), 3, (7, 7)), rtol=1e-6, atol=1e-7)


def test_a_federation_of_unequal_sites_is_not_fl_mr_and_one_of_equal_sites_is(run: Any) -> None:
    nova = FedNova(any_optimizer=True)
    assert not equal(run(nova, rounds=1).weights, run(FedAvg(), rounds=1).weights)
    alone = {"participants": ("east",)}
    one, other = run(nova, **alone).weights, run(FedAvg(), **alone).weights
    assert_close(dict(one), dict(other), rtol=1e-6, atol=1e-7)


def test_counts_and_statistics_are_averaged_as_in_fl_mr() -> None:
    before = {"n.running_var": torch.tensor([1.0]), "n.num_batches_tracked": torch.tensor(3)}
    replies = [
        Reply(site, 1, {k: v + step for k, v in before.items()}, metrics={"steps": step})
        for site, step in (("a", 2), ("b", 10))
    ]
    state = FedNova().aggregate(ServerState({**before}), iter(replies))
    expected = FedAvg().aggregate(ServerState({**before}), iter(replies))
    assert equal(dict(state.weights), dict(expected.weights))


@pytest.mark.parametrize("steps", [{}, {"steps": 0.0}, {"steps": nan}, {"steps": inf}])
def test_a_reply_that_counts_no_steps_is_refused(steps: dict[str, float]) -> None:
    sent, answer = Broadcast(0, {"w": torch.zeros(2)}), Reply("a", 1, metrics=steps)
    assert FedNova().validate_reply("train", sent, answer) is not None
    assert FedNova().validate_reply("validate", sent, answer) is None
    assert FedNova().validate_reply("train", sent, reply("a", torch.zeros(2), 3)) is None


SGD, RMSprop = torch.optim.SGD, torch.optim.RMSprop


@pytest.mark.parametrize(
    ("make", "fits"),
    [
        (partial(SGD, lr=0.1), True),
        (partial(SGD, lr=0.1, weight_decay=0.1), True),
        (partial(SGD, lr=0.1, momentum=0.9), False),
        (partial(RMSprop, lr=0.1), False),
        (partial(torch.optim.Adam, lr=0.1), False),
    ],
)
def test_only_plain_descent_is_exact(make: Any, fits: bool) -> None:
    optimizer = make([torch.nn.Parameter(torch.zeros(1))])
    problem = FedNova().find_optimizer_problem(optimizer)
    assert (problem is None) is fits
    assert FedNova(any_optimizer=True).find_optimizer_problem(optimizer) is None


def test_rules_that_look_at_weights_alone_are_refused() -> None:
    with pytest.raises(ConfigErrors, match="use mean"):
        FedNova(name="FedNova", aggregation="median")
