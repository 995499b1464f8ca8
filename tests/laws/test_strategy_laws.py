"""How the strategies relate to each other, bit for bit."""

import pytest
import torch
from kits.laws import TARGET, equal, fl_mrcm

from flmrcm.seeding import seeded
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.fl_mrcm import DISCRIMINATOR
from flmrcm.strategies.scaffold import CONTROL, Scaffold

METRIC = "discriminator_accuracy"
FL_MR = FedAvg(target=TARGET)


def test_training_moves_the_weights(run, setting):
    assert not equal(run(FL_MR).weights, setting().module().model.state_dict())


def test_every_site_of_the_first_round_starts_from_the_same_weights(run, setting):
    module = setting().module()
    federation = setting().federation(FL_MR, module)
    assert equal(federation.run(module.model.state_dict()).weights, run(FL_MR).weights)


@pytest.mark.parametrize("keep_optimizer", [True, False])
@pytest.mark.parametrize("alignment", ["images", "latents"])
def test_fl_mrcm_without_weight_is_fl_mr(run, alignment, keep_optimizer):
    local = {"keep_optimizer": keep_optimizer}
    aligned = run(fl_mrcm(weight=0.0, alignment=alignment), local=local)
    assert equal(aligned.weights, run(FL_MR, local=local).weights)


@pytest.mark.parametrize("weight", [1.0, 10.0])
def test_a_detached_adversarial_term_does_nothing(run, weight):
    detached = run(fl_mrcm(alignment="detached", weight=weight))
    assert equal(detached.weights, run(FL_MR).weights)


@pytest.mark.parametrize("alignment", ["images", "latents"])
def test_the_adversarial_term_reaches_the_encoder(run, alignment):
    first = "down_sample_layers.0.layers.0.weight"
    aligned = run(fl_mrcm(alignment=alignment), rounds=1).weights[first]
    assert not torch.equal(aligned, run(FL_MR, rounds=1).weights[first])


@pytest.mark.parametrize("alignment", ["images", "latents"])
def test_each_source_trains_a_discriminator_of_its_own_and_the_target_none(setting, alignment):
    one, three = setting(rounds=1), setting(rounds=3)
    kept = {}
    for here in (one, three):
        federation = here.federation(fl_mrcm(alignment=alignment))
        federation.run(here.module().model.state_dict())
        memories = {site: federation.engine.store.load(site) for site in here.participants}
        kept[here.rounds] = {k: m.tensors.get(DISCRIMINATOR) for k, m in memories.items()}
        accuracy = {r.site for r in federation.journal.read() if r.metric == METRIC}
        assert accuracy == {"east", "north"}
    assert kept[1][TARGET] is None
    assert not equal(kept[1]["east"], kept[3]["east"])
    assert not equal(kept[3]["east"], kept[3]["north"])


def test_fl_mrcm_survives_a_target_that_trains_and_one_that_does_not(run):
    inside = run(fl_mrcm())
    outside = run(fl_mrcm(), participants=("east", "north"))
    assert not equal(inside.weights, outside.weights)


def test_the_target_itself_trains_as_in_fl_mr(run):
    alone = {"participants": (TARGET,)}
    assert equal(run(fl_mrcm(), **alone).weights, run(FL_MR, **alone).weights)


def test_fedprox_without_pull_is_fl_mr(run):
    assert equal(run(FedProx(mu=0.0)).weights, run(FL_MR).weights)


def test_fedprox_pulls(run):
    assert not equal(run(FedProx(mu=1.0)).weights, run(FL_MR).weights)


def test_scaffolds_first_round_is_fl_mr(run):
    assert equal(run(Scaffold(), rounds=1).weights, run(FL_MR, rounds=1).weights)


def test_scaffolds_second_round_is_its_own(run):
    assert not equal(run(Scaffold()).weights, run(FL_MR).weights)


def test_scaffolds_server_control_is_the_mean_of_its_sites_controls(setting):
    federation = setting().federation(Scaffold())
    state = federation.run(setting().module().model.state_dict())
    memories = [federation.engine.store.load(site) for site in federation.plan.participants]
    for name, control in state.extras[CONTROL].items():
        own = torch.stack([memory.tensors[CONTROL][name] for memory in memories]).mean(0)
        torch.testing.assert_close(control, own)


def test_uniform_and_example_weighting_agree_only_for_equal_sites(run):
    by_examples = FedAvg(target=TARGET, weighting="examples")
    assert not equal(run(by_examples).weights, run(FL_MR).weights)
    alone = {"participants": ("east",)}
    assert equal(run(by_examples, **alone).weights, run(FL_MR, **alone).weights)


def test_keeping_the_optimizer_changes_the_weights(run):
    kept, new = (run(FL_MR, local={"keep_optimizer": kept}) for kept in (True, False))
    assert not equal(kept.weights, new.weights)


def test_in_one_round_kept_and_new_optimizers_are_the_same(run):
    kept, new = (run(FL_MR, rounds=1, local={"keep_optimizer": kept}) for kept in (True, False))
    assert equal(kept.weights, new.weights)


def test_the_rate_decays_after_its_rounds(run):
    decayed = run(FL_MR, rounds=2, local={"decay_every": 1, "decay_factor": 1e-30})
    assert equal(decayed.weights, run(FL_MR, rounds=1).weights)


def test_only_participants_are_drawn_and_every_draw_is_seeded(setting):
    plan = setting(plan={"participation": 0.5}).federation(FL_MR).plan
    drawn = [plan.draw_participants(round_) for round_ in range(20)]
    with seeded("elsewhere"):
        assert drawn == [plan.draw_participants(round_) for round_ in range(20)]
    assert {len(sites) for sites in drawn} == {2}
    assert {site for sites in drawn for site in sites} == set(plan.participants)
