"""Membership: who was trained on is found in a model that learnt them by heart, in no other."""

from functools import partial

import numpy as np
import pytest
import torch
from kits.attacked import PlainMessages, attack_on, ignore_steps, write_alike
from kits.factories import make_unet

from flmrcm.attacks.attacked_run import AttackedRun, list_examples
from flmrcm.attacks.membership import (
    LIRA,
    THRESHOLD,
    MembershipAttack,
    compare_with_shadows,
    draw_halves,
)
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.federation.workload import Workload
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.fedavg import FedAvg


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return write_alike(
        tmp_path_factory.mktemp("hospital") / "east", 0, {"train": 4, "val": 4, "test": 4}, 0.3
    )


def overfit(site, steps: int):
    """Return a run whose network has seen the site's four slices so many times."""
    module = ReconModule(make_unet(8, 1), partial(torch.optim.Adam, lr=0.01))
    run = attack_on([site], module=module)
    if steps:
        run.train(run.weights, run.read_training(site, Workload(steps, steps), 0))
    return run


def test_a_model_that_learnt_four_slices_by_heart_tells_which(site):
    found = MembershipAttack(shadows=8, steps=20).run(overfit(site, 80), ignore_steps)
    attacks = found.describe()["attacks"]
    assert attacks[THRESHOLD]["auc"] == 1
    assert attacks[THRESHOLD]["tpr_at_1_percent"] == 1
    assert attacks[LIRA]["auc"] > 0.9
    assert "AUC 1.00" in found.summarise()[0]
    assert (len(found.members), len(found.others)) == (4, 8)


def test_a_model_that_saw_nobody_tells_nothing(site):
    found = MembershipAttack(shadows=0).run(overfit(site, 0), ignore_steps)
    (low, high) = found.describe()["attacks"][THRESHOLD]["intervals"]["auc"]
    assert low < 0.5 < high


def test_shadows_leave_the_attacked_model_as_it_was(site):
    run = overfit(site, 0)
    before = {k: v.clone() for k, v in run.module.model.state_dict().items()}
    MembershipAttack(shadows=8, steps=1).run(run, ignore_steps)
    assert all(torch.equal(v, before[k]) for k, v in run.module.model.state_dict().items())


@pytest.mark.parametrize(("share", "steps"), [(1.0, 70), (0.5, 35)])
def test_a_shadow_trains_as_long_as_the_site_does_in_the_run(site, monkeypatch, share, steps):
    messages = PlainMessages(works={"east": Workload(7, 7)})
    run, asked = attack_on([site], messages=messages, rounds=10, share=share), []
    monkeypatch.setattr(AttackedRun, "read_training", lambda *given: asked.append(given[2]) or [])
    MembershipAttack()._train(run, list_examples(site, ["val"]), 0)
    assert [work.steps for work in asked] == [steps]


def test_every_subject_is_unseen_by_half_the_shadows():
    seen = draw_halves(16, 7, seed=1)
    assert seen.shape == (16, 7)
    assert (seen.sum(0) == 8).all()
    assert set(seen.sum(1)) == {3, 4}


def test_a_subject_is_compared_with_shadows_that_never_saw_it():
    """Those that saw it do well on it, and would hide that the attacked model does, too."""
    seen = draw_halves(8, 2, seed=0)
    errors = np.where(seen, -9.0, np.linspace(-0.1, 0.1, 8)[:, None])
    scores = compare_with_shadows(np.array([-5.0, 0.0]), errors, seen)
    assert scores[0] > 0.999
    assert 0.05 < scores[1] < 0.95
    with pytest.raises(FlmrcmError, match="too few never saw"):
        compare_with_shadows(np.zeros(2), errors[:2], seen[:2])


def test_what_cannot_be_attacked_is_said(site, tmp_path):
    run = attack_on([site], FedAvg(private=["up_conv.*"]))
    (line,) = MembershipAttack().find_problems(run)
    assert "up_conv.0.0.layers.0.weight, … stay at the sites" in line
    alone = write_alike(tmp_path / "alone", 0, {"train": 2})
    with pytest.raises(FlmrcmError, match="has no volume in val or test"):
        MembershipAttack().run(attack_on([alone]), ignore_steps)
    for wrong in ({"shadows": 4}, {"steps": 0}):
        with pytest.raises(ConfigErrors, match=f"kind.{next(iter(wrong))}"):
            MembershipAttack(**wrong)
