"""FedDyn: the moved objective, its state on both sides, and where it ends."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kits.factories import make_batch, make_context, make_learner
from kits.laws import equal
from torch import Tensor, nn
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.feddyn import GRADIENT, FedDyn
from flmrcm.types import Broadcast, Memory, Reply

ALPHA, LR, STEPS = 0.5, 0.05, 8
SITES = ("a", "b", "c")
CURVATURE = torch.tensor([[1.0, 0.5], [3.0, 1.0], [0.2, 4.0]])
GOAL = torch.tensor([[3.0, -1.0], [-2.0, 5.0], [0.5, 0.5]])
"""Of three sites with the objectives Σ c/2·(x − goal)²."""
START = torch.tensor([1.0, -1.0])
DRAWN = [(0, 1), (1, 2), (0, 1, 2), (2,), (0, 2)]


class Point(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(START.clone())


def plain(rounds: list[tuple[int, ...]], alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Algorithm 1 of Acar et al. with steps of SGD inside; gives w, h and every g_k."""
    w, h, g = START.double(), torch.zeros(2).double(), torch.zeros(3, 2).double()
    for drawn in rounds:
        ends = []
        for k in drawn:
            theta = w.clone()
            for _ in range(STEPS):
                gradient = CURVATURE[k].double() * (theta - GOAL[k])
                theta = theta - LR * (gradient - g[k] + alpha * (theta - w))
            g[k] = g[k] - alpha * (theta - w)
            ends.append(theta)
        h = h - alpha / len(SITES) * sum(theta - w for theta in ends)
        w = torch.stack(ends).mean(0) - h / alpha
    return w, h, g


def play(strategy: FedAvg, rounds: list[tuple[int, ...]]) -> tuple[Any, dict[str, Memory]]:
    """Train the same sites through the strategy's two halves."""
    state = strategy.start({"x": START.clone()}, SITES)
    memories = {site: Memory() for site in SITES}
    for number, drawn in enumerate(rounds):
        names = [SITES[k] for k in drawn]
        sent = strategy.broadcast(state, number, names, [])
        replies = [train(strategy, k, sent[SITES[k]], memories[SITES[k]]) for k in drawn]
        state = strategy.aggregate(state, iter(replies))
    return state, memories


def train(strategy: FedAvg, k: int, message: Broadcast, memory: Memory) -> Reply:
    model = Point()
    model.load_state_dict(message.weights)
    module: Any = SimpleNamespace(model=model)
    rule = strategy.local_rule(make_context(module, message=message, memory=memory))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (CURVATURE[k] / 2 * (model.x - GOAL[k]).square()).sum().backward()
        rule.adjust_gradients(module)
        optimizer.step()
    extras = rule.finish(module)
    weights = {name: w.detach().clone() for name, w in model.state_dict().items()}
    return Reply(SITES[k], 1, weights, extras)


def test_rounds_in_which_not_all_sites_train_are_algorithm_one() -> None:
    state, memories = play(FedDyn(alpha=ALPHA), DRAWN)
    w, h, g = plain(DRAWN, ALPHA)
    assert_close(state.weights["x"], w.float(), rtol=1e-4, atol=1e-5)
    assert_close(state.extras[GRADIENT]["x"], h.float(), rtol=1e-4, atol=1e-5)
    for site, own in zip(SITES, g, strict=True):
        memory = memories[site].tensors[GRADIENT]["x"]
        assert_close(memory, own.float(), rtol=1e-4, atol=1e-5)


def test_the_servers_h_is_the_mean_of_all_sites_g() -> None:
    state, memories = play(FedDyn(alpha=ALPHA), DRAWN)
    mean = torch.stack([m.tensors[GRADIENT]["x"] for m in memories.values()]).mean(0)
    assert_close(state.extras[GRADIENT]["x"], mean, rtol=1e-4, atol=1e-5)


def test_it_ends_at_the_minimum_that_fl_mr_misses() -> None:
    best = (CURVATURE * GOAL).sum(0) / CURVATURE.sum(0)
    dynamic, averaged = (play(s, [(0, 1, 2)] * 200)[0] for s in (FedDyn(alpha=ALPHA), FedAvg()))
    assert_close(dynamic.weights["x"], best, rtol=1e-3, atol=1e-3)
    assert (averaged.weights["x"] - best).norm() > 0.1


def test_the_gradient_is_that_of_the_moved_objective() -> None:
    batch, alpha, sent = make_batch(), 0.3, 0.05
    ours, theirs = make_learner(), make_learner()
    state = ours.model.state_dict()
    anchor = {name: torch.full_like(w, sent) for name, w in state.items()}
    own = {name: torch.randn(w.shape) for name, w in state.items()}
    context = make_context(ours, message=Broadcast(1, anchor), memory=Memory({GRADIENT: own}))
    rule = FedDyn(alpha=alpha).local_rule(context)
    ours.training_step(batch)["loss"].backward()
    rule.adjust_gradients(ours)
    moved = theirs.training_step(batch)["loss"]
    for name, w in theirs.model.named_parameters():
        moved = moved - (own[name] * w).sum() + alpha / 2 * (w - sent).square().sum()
    moved.backward()
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(one.grad, two.grad, rtol=1e-4, atol=1e-5)


def test_only_weights_travel_and_counts_are_averaged_as_in_fl_mr() -> None:
    before = {"n.running_var": torch.tensor([1.0]), "n.num_batches_tracked": torch.tensor(3)}
    state = FedDyn().start({**before}, SITES)
    assert all(not m.extras for m in FedDyn().broadcast(state, 0, SITES, []).values())
    replies = [Reply(s, 1, {k: v + i for k, v in before.items()}) for i, s in enumerate(SITES)]
    one, other = (s.aggregate(state, iter(replies)) for s in (FedDyn(), FedAvg()))
    assert equal(dict(one.weights), dict(other.weights))


def test_private_weights_are_neither_pulled_nor_kept() -> None:
    learner, memory = make_learner(), Memory()
    rule = FedDyn().local_rule(make_context(learner, memory=memory))  # nothing was sent
    for weight in learner.parameters():
        weight.grad = torch.zeros_like(weight)
    rule.adjust_gradients(learner)
    assert not any(p.grad.any() for p in learner.parameters())
    assert rule.finish(learner) == {}
    assert memory.tensors[GRADIENT] == {}


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"alpha": 0.0}, "alpha: above 0"),
        ({"aggregation": "median"}, "aggregation: .*use mean"),
        ({"weighting": "examples"}, "weighting: .*use uniform"),
    ],
)
def test_what_its_mean_cannot_be_is_refused(options: Any, key: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"strategy\.{key}"):
        FedDyn(name="FedDyn", **options)
