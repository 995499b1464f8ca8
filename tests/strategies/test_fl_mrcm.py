"""FL-MRCM at a source site: discriminator and penalty."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import torch
from kits.factories import make_batch, make_context, make_fl_mrcm, make_learner
from torch import Tensor
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import LocalRule
from flmrcm.strategies.fl_mrcm import DISCRIMINATOR, LATENTS, Alignment
from flmrcm.types import Batch, Broadcast, Memory, Step

SENT = torch.randn(5, make_learner().latent_size, generator=torch.Generator().manual_seed(3))


def target_batches() -> Iterator[Batch]:
    return (make_batch(seed=100 + i) for i in count())


def rule_for(
    learner: ReconModule, form: str = "images", options: Any = None, **seen: Any
) -> Alignment:
    """The rule of a source site under either form."""
    if form == LATENTS:
        seen["message"] = Broadcast(0, {}, {LATENTS: {LATENTS: SENT}})
    else:
        seen["target"] = target_batches()
    strategy = make_fl_mrcm(alignment=form, **(options or {}))
    rule = strategy.local_rule(make_context(learner, **seen))
    assert isinstance(rule, Alignment)
    return rule


def step_of(learner: ReconModule, rule: LocalRule, seed: int = 0) -> tuple[Step, Batch]:
    batch = make_batch(seed=seed)
    return rule.extend(learner.training_step(batch), batch), batch


def bce(logits: Tensor, code: list[float]) -> Tensor:
    """Binary cross entropy on two-hot codes, from its definition."""
    probability, wanted = logits.double().sigmoid(), torch.tensor(code)
    return -(wanted * probability.log() + (1 - wanted) * (1 - probability).log()).mean()


forms = pytest.mark.parametrize("form", ["images", LATENTS])


@forms
def test_the_penalty_wants_the_wrong_answer(form: str) -> None:
    learner = make_learner()
    rule = rule_for(learner, form, {"weight": 0.7})
    step, batch = step_of(learner, rule)
    source, target = rule.discriminator(step["latent"]), rule.discriminator(step["target_latent"])
    expected = 0.7 * (bce(source, [1, 0]) + bce(target, [0, 1])) / 2
    penalty = rule.penalty(step, batch)
    assert_close(penalty.detach().double(), expected.detach(), rtol=1e-5, atol=0)


@forms
def test_the_discriminator_learns_the_right_answer(form: str) -> None:
    learner = make_learner()
    rule = rule_for(learner, form)
    step, batch = step_of(learner, rule)
    source, target = (rule.discriminator(step[key].detach()) for key in ("latent", "target_latent"))
    loss = float((bce(source, [0, 1]) + bce(target, [1, 0])).detach() / 2)
    accuracy = float(((source.argmax(1) == 1).float() + (target.argmax(1) == 0).float()).mean() / 2)
    assert rule.metrics() == {}
    rule.observe(step, batch)
    assert rule.metrics() == {
        "discriminator_loss": pytest.approx(loss, rel=1e-5),
        "discriminator_accuracy": accuracy,
    }
    for _ in range(60):
        rule.observe(step, batch)
    assert (rule.discriminator(step["latent"]).argmax(1) == 1).all()
    assert rule.metrics()["discriminator_loss"] < loss


@forms
def test_the_discriminator_step_does_not_change_the_reconstructor(form: str) -> None:
    learner = make_learner()
    rule = rule_for(learner, form)
    before = {k: v.clone() for k, v in learner.state_dict().items()}
    own = [p.detach().clone() for p in rule.discriminator.parameters()]
    rule.observe(*step_of(learner, rule))
    assert all(p.grad is None for p in learner.parameters())
    assert all(torch.equal(v, before[k]) for k, v in learner.state_dict().items())
    moved = zip(rule.discriminator.parameters(), own, strict=True)
    assert all(not torch.equal(p, old) for p, old in moved)


@forms
def test_the_penalty_does_not_change_the_discriminator(form: str) -> None:
    learner = make_learner()
    rule = rule_for(learner, form)
    step, batch = step_of(learner, rule)
    rule.penalty(step, batch).backward()
    assert all(p.grad is None for p in rule.discriminator.parameters())
    assert any(p.grad is not None for p in learner.parameters())


def gradient(learner: ReconModule) -> Tensor:
    weight = learner.model.down_sample_layers[0].layers[0].weight
    return torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()


@forms
def test_the_penalty_reaches_the_encoder_through_every_latent_made_here(form: str) -> None:
    """For over a year the published code's adversarial term connected nothing."""
    learner = make_learner()
    rule = rule_for(learner, form)
    step, batch = step_of(learner, rule)
    gradients = {}
    for key, other in (("latent", "target_latent"), ("target_latent", "latent")):
        learner.zero_grad()
        through_one = {**step, other: step[other].detach()}
        penalty = rule.penalty(through_one, batch)
        if penalty.requires_grad:
            penalty.backward(retain_graph=True)
        gradients[key] = gradient(learner)
    learner.zero_grad()
    rule.penalty(step, batch).backward()
    assert gradients["latent"].any()
    assert bool(gradients["target_latent"].any()) == (form == "images")
    assert_close(gradient(learner), gradients["latent"] + gradients["target_latent"])


def test_no_decoder_runs_for_the_target() -> None:
    learner, ran = make_learner(), list[int]()
    rule = rule_for(learner)
    batch = make_batch()
    step = learner.training_step(batch)
    learner.model.up_conv[0].register_forward_hook(lambda *_: ran.append(1))
    rule.extend(step, batch)
    assert not ran


@forms
def test_no_weight_changes_no_gradient(form: str) -> None:
    learner = make_learner()
    rule = rule_for(learner, form, {"weight": 0.0})
    step, batch = step_of(learner, rule)
    rule.observe(step, batch)
    (step["loss"] + rule.penalty(step, batch)).backward(retain_graph=True)
    whole = gradient(learner)
    learner.zero_grad()
    step["loss"].backward()
    assert torch.equal(whole, gradient(learner))


def test_the_discriminator_is_as_wide_as_the_latent() -> None:
    for learner in (make_learner(), make_learner(channels=4, pools=3)):
        rule = rule_for(learner)
        assert rule.discriminator[0].in_features == learner.latent_size
        rule.observe(*step_of(learner, rule))


def test_the_discriminator_has_its_own_rate_and_its_own_seed() -> None:
    learner = make_learner()
    rule = rule_for(learner, options={"discriminator_rate": 3.0}, learning_rate=0.5)
    assert rule.optimizer.param_groups[0]["lr"] == 1.5
    torch.rand(5)
    again, other = rule_for(learner), rule_for(learner, seed=2)
    first = rule.discriminator[0].weight
    assert torch.equal(again.discriminator[0].weight, first)
    assert not torch.equal(other.discriminator[0].weight, first)


@forms
def test_the_discriminator_stays_at_the_site_and_goes_on_where_it_was(form: str) -> None:
    learner, memory = make_learner(), Memory()
    straight = rule_for(learner, form)
    steps = [step_of(learner, straight, seed) for seed in range(4)]
    for step in steps:
        straight.observe(*step)
    for half in (steps[:2], steps[2:]):
        resumed = rule_for(learner, form, memory=memory)
        for step in half:
            resumed.observe(*step)
        assert resumed.finish(learner) == {}
    assert set(memory.tensors) == set(memory.optimizers) == {DISCRIMINATOR}
    kept = memory.tensors[DISCRIMINATOR]
    assert all(torch.equal(v, kept[k]) for k, v in straight.discriminator.state_dict().items())


def test_every_received_latent_is_used_once_before_any_is_used_again() -> None:
    learner = make_learner()
    rule, again, other = (rule_for(learner, LATENTS, seed=seed) for seed in (1, 1, 2))
    drawn = torch.cat([step_of(learner, rule)[0]["target_latent"] for _ in range(5)])
    for permutation in drawn[:5], drawn[5:]:
        rows = [int(SENT.eq(row).all(1).nonzero()) for row in permutation]
        assert sorted(rows) == [0, 1, 2, 3, 4]
    assert not torch.equal(drawn[:5], drawn[5:])
    first = step_of(learner, again)[0]["target_latent"]
    assert torch.equal(first, drawn[:2])
    more = [step_of(learner, other)[0]["target_latent"] for _ in range(5)]
    assert not torch.equal(torch.cat(more), drawn)


@forms
def test_the_target_itself_trains_plainly(form: str) -> None:
    """The published code's own command crashes here."""
    at_target = make_context(make_learner(), is_target=True)
    assert type(make_fl_mrcm(alignment=form).local_rule(at_target)) is LocalRule


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"alignment": "image"}, r"strategy\.alignment=image: .*Did you mean 'images'"),
        ({"sampling": "sorted"}, r"strategy\.sampling=sorted: use one of"),
        ({"weight": -1}, r"strategy\.weight: at least 0; got -1"),
        ({"discriminator_rate": 0}, r"strategy\.discriminator_rate: above 0"),
        ({"max_latents": 0}, r"strategy\.max_latents: at least 1, or null"),
        ({"latent_clip": 0}, r"strategy\.latent_clip: above 0, or null"),
        ({"latent_noise": -0.1}, r"strategy\.latent_noise: at least 0"),
    ],
)
def test_values_outside_their_range_are_refused(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigErrors, match=line):
        make_fl_mrcm(**options)
