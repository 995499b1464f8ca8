"""A round of DP-SGD: who is drawn, what noise is added, and that an empty step is a step."""

from dataclasses import replace
from itertools import chain, pairwise

import pytest
import torch
from kits.factories import make_site, write_site

from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.private_round import Mechanism, PrivateRound, group_slices
from flmrcm.federation.workload import CallWork, Workload
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.models.unet import UNet
from flmrcm.privacy.accountant import Spending
from flmrcm.strategies.base import LocalRule

SLICES = (3, 1, 4, 2)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Four volumes with different numbers of slices."""
    return make_site(write_site(tmp_path_factory.mktemp("data") / "east", {"train": SLICES}))


def make_round(site, steps=3, rate=0.5, noise=0.0, round_=0, address=(1, "east"), **mechanism):
    device = torch.device("cpu")
    values = {"clip": 0.1, "chunk": 4, "secure": False} | mechanism
    own = Mechanism(spending=Spending(rate, noise, steps), expected=rate * len(SLICES), **values)
    local = LocalTraining(lambda p: torch.optim.SGD(p, lr=1.0))
    batches = SiteBatches(site, device, Workload(1), round_)
    fabric = Compute("cpu").build_fabric()
    return PrivateRound(batches, CallWork(0, steps, 1.0), local, fabric, own, address)


def train(plan):
    """Return what each step was trained on, and how it moved the weights, (weights,)."""
    torch.manual_seed(0)
    module = ReconModule(UNet(2, 2), plan.local.optimizer)
    optimizer = plan.local.optimizer(module.model.parameters())
    states = [torch.nn.utils.parameters_to_vector(module.parameters()).detach().clone()]
    steps = []
    for drawn, loss, _ in plan.train(module, LocalRule(), optimizer):
        steps.append((list(drawn.volume), float(loss)))
        states.append(torch.nn.utils.parameters_to_vector(module.parameters()).detach().clone())
    return steps, [b - a for a, b in pairwise(states)]


def test_slices_belong_to_their_volumes(site):
    groups = group_slices(site)
    assert [len(group) for group in groups] == list(SLICES)
    assert sorted(chain(*groups)) == list(range(sum(SLICES)))


def test_each_volume_is_drawn_on_its_own_and_gives_one_slice(site):
    plan, groups = make_round(site), group_slices(site)
    counts, sizes, seen = [0] * len(SLICES), set(), set()
    for step in range(400):
        drawn = plan.draw_slices(plan.open_draws(step))
        owners = [next(i for i, group in enumerate(groups) if index in group) for index in drawn]
        assert len(owners) == len(set(owners))
        sizes.add(len(owners))
        seen |= {*drawn}
        for owner in owners:
            counts[owner] += 1
    # binomial: within four standard deviations of half
    assert all(abs(n - 200) < 40 for n in counts)
    assert sizes == {0, 1, 2, 3, 4}
    assert seen == set(range(sum(SLICES)))


def test_a_slice_has_a_mask_of_its_own_in_each_step(site):
    plan = make_round(site, steps=20)
    masks = [next(plan._read([0], step)).mask.flatten().tolist() for step in range(20)]
    assert len(set(map(tuple, masks))) > 10


def test_an_empty_step_moves_by_noise_alone(site):
    steps, moved = train(make_round(site, steps=2, rate=1e-9, noise=0.0))
    assert [volumes for volumes, _ in steps] == [[], []]
    assert not any(bool(m.any()) for m in moved)
    quiet = make_round(site, steps=2, rate=1e-9, noise=1e-9)
    _, moved = train(quiet)
    expected = 1e-9 * 0.1 / (1e-9 * len(SLICES))  # σC over the expected number
    assert float(moved[0].std()) == pytest.approx(expected, rel=0.1)


def test_without_noise_a_step_is_at_most_the_clip_for_each_expected_volume(site):
    for (volumes, _), moved in zip(*train(make_round(site, steps=8)), strict=True):
        assert float(moved.norm()) <= 0.1 * len(volumes) / 2 * (1 + 1e-5)


def test_noise_is_new_in_each_step_round_and_site_and_as_large_as_promised(site):
    plans = [
        make_round(site, noise=50.0),
        make_round(site, noise=50.0, round_=1),
        make_round(site, noise=50.0, address=(1, "west")),
        make_round(site, noise=50.0, address=(2, "east")),
    ]
    moved = torch.stack([step for plan in plans for step in train(plan)[1]])
    assert float(moved.std()) == pytest.approx(50 * 0.1 / 2, rel=0.05)
    off_diagonal = torch.corrcoef(moved) - torch.eye(len(moved))
    assert off_diagonal.abs().max() < 0.15


def test_seeded_rounds_come_again_and_secure_ones_do_not(site):
    plan = make_round(site, noise=1.0)
    first, again = train(plan), train(plan)
    assert first[0] == again[0]
    assert all(map(torch.equal, first[1], again[1]))
    secure = replace(plan, mechanism=replace(plan.mechanism, secure=True))
    assert not torch.equal(train(secure)[1][0], train(secure)[1][0])


def test_a_rule_may_move_noisy_gradients_but_sees_no_others(site):
    class Watch(LocalRule):
        def __init__(self):
            self.gradients = []

        def adjust_gradients(self, module):
            grads = [p.grad.flatten() for p in module.model.parameters()]
            self.gradients.append(torch.cat(grads).clone())

    plan, rule = make_round(site, noise=50.0), Watch()
    module = ReconModule(UNet(2, 2), plan.local.optimizer)
    list(plan.train(module, rule, plan.local.optimizer(module.model.parameters())))
    assert all(float(g.std()) == pytest.approx(2.5, rel=0.1) for g in rule.gradients)
