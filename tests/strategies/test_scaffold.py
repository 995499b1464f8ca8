"""SCAFFOLD's control variates, in closed form."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kits.factories import make_context
from torch import Tensor, nn
from torch.testing import assert_close

from flmrcm.strategies.scaffold import CONTROL, CONTROL_CHANGE, Scaffold
from flmrcm.types import Broadcast, Memory, Reply, ServerState, Weights

LR, STEPS = 0.05, 7
START = {"weight": torch.tensor([[0.5, -1.0, 2.0]]), "bias": torch.tensor([0.1])}
SERVER = {"weight": torch.tensor([[0.3, 0.2, -0.1]]), "bias": torch.tensor([0.4])}
OWN = {"weight": torch.tensor([[-0.2, 0.6, 0.5]]), "bias": torch.tensor([-0.7])}


def learner() -> Any:
    model = nn.Linear(3, 1)
    model.load_state_dict(START)
    return SimpleNamespace(model=model)


def train(module: Any, memory: Memory, make_optimizer: Any = torch.optim.SGD) -> Weights:
    """Train on a line for some steps; gives what the rule sends."""
    message = Broadcast(0, START, {CONTROL: SERVER})
    rule = Scaffold().local_rule(make_context(module, message=message, memory=memory))
    optimizer = make_optimizer(module.model.parameters(), lr=LR)
    rng = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        x = torch.randn(8, 3, generator=rng).to(module.model.weight)
        loss = (module.model(x) - x.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        rule.adjust_gradients(module)
        optimizer.step()
    return rule.finish(module)[CONTROL_CHANGE]


def test_under_plain_descent_it_is_the_papers_option_two() -> None:
    module, memory = learner(), Memory({CONTROL: OWN})
    change = train(module, memory)
    for name, y in module.model.state_dict().items():
        expected = OWN[name] - SERVER[name] + (START[name] - y) / (STEPS * LR)
        assert_close(memory.tensors[CONTROL][name], expected, atol=1e-5, rtol=1e-5)
        assert_close(change[name], expected - OWN[name], atol=1e-5, rtol=1e-5)


def test_the_step_is_corrected_by_the_difference_of_the_controls() -> None:
    module = learner()
    message = Broadcast(0, START, {CONTROL: SERVER})
    memory = Memory({CONTROL: OWN})
    rule = Scaffold().local_rule(make_context(module, message=message, memory=memory))
    for parameter in module.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    rule.adjust_gradients(module)
    for name, parameter in module.model.named_parameters():
        assert_close(parameter.grad, 1 + SERVER[name] - OWN[name])


def test_a_network_in_double_precision_keeps_the_same_control() -> None:
    single, double = Memory({CONTROL: OWN}), Memory({CONTROL: OWN})
    train(learner(), single)
    module = learner()
    module.model.double()
    train(module, double)
    assert_close(double.tensors, single.tensors, atol=1e-5, rtol=1e-5)


def test_the_control_stays_a_gradient_under_other_optimizers() -> None:
    memory = Memory({CONTROL: OWN})
    module = learner()
    train(module, memory, torch.optim.RMSprop)
    # RMSprop's first step alone is ten learning rates long, whatever the gradient
    option_two = (START["weight"] - module.model.weight.detach()) / (STEPS * LR)
    assert not torch.allclose(
        memory.tensors[CONTROL]["weight"], OWN["weight"] - SERVER["weight"] + option_two, atol=0.1
    )


def test_a_new_site_starts_from_no_control() -> None:
    fresh, zeroed = Memory(), Memory({CONTROL: {k: torch.zeros_like(v) for k, v in OWN.items()}})
    assert_close(train(learner(), fresh), train(learner(), zeroed))
    assert_close(fresh.tensors, zeroed.tensors)


def test_a_site_goes_on_from_its_own_control() -> None:
    memory = Memory()
    first = train(learner(), memory)
    kept = memory.tensors[CONTROL]
    assert_close(kept, first)
    change = train(learner(), memory)
    assert_close(memory.tensors[CONTROL], {k: kept[k] + change[k] for k in kept})


def reply(site: str, weight: float, change: float, n: int = 1) -> Reply:
    def filled(value: float) -> dict[str, Tensor]:
        return {"w": torch.full((2,), value)}

    return Reply(site, n, filled(weight), {CONTROL_CHANGE: filled(change)})


@pytest.mark.parametrize(("weighting", "mean"), [("uniform", 2.0), ("examples", 2.5)])
def test_the_server_control_moves_by_the_share_that_answered(weighting: str, mean: float) -> None:
    strategy = Scaffold(weighting=weighting)
    state = strategy.start({"w": torch.zeros(2)}, ["a", "b", "c", "d"])
    assert not state.extras[CONTROL]["w"].any()
    for control in (1.0, 2.0):  # half the sites answer, their mean change is 2
        replies = iter([reply("a", 1.0, 1.0), reply("c", 3.0, 3.0, 3)])
        state = strategy.aggregate(state, replies)
        assert state.weights["w"].tolist() == [mean, mean]
        assert state.extras[CONTROL]["w"].tolist() == [control, control]


def test_every_site_that_trains_is_sent_the_control_the_target_too() -> None:
    strategy = Scaffold(target="b")
    state = strategy.start(START, ["a", "b"])
    messages = strategy.broadcast(state, 0, ["a", "b"], [])
    assert {site: set(message.extras) for site, message in messages.items()} == {
        "a": {CONTROL},
        "b": {CONTROL},
    }


def test_aggregation_changes_no_state() -> None:
    state = ServerState(
        {"w": torch.zeros(2)}, {CONTROL: {"w": torch.zeros(2)}, "count": {"sites": torch.tensor(1)}}
    )
    Scaffold().aggregate(state, [reply("a", 1.0, 1.0)])
    assert not state.weights["w"].any()
    assert not state.extras[CONTROL]["w"].any()
