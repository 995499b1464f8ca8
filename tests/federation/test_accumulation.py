"""Several batches, one step: the gradient is that of all their slices."""

from functools import partial

import pytest
import torch
from kits.factories import make_batch, make_unet
from kits.laws import equal

from flmrcm.federation.accumulation import StepBatches, group_batches
from flmrcm.federation.local_training import LocalTraining
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.strategies.base import LocalRule
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Batch


class Pull(LocalRule):
    """A penalty on weights, as FedProx has one."""

    def penalty(self, step, batch):
        return sum(p.square().sum() for p in self.parameters)


def join(batches):
    """One batch of all slices."""
    tensors = ("image", "target", "mean", "std", "mask", "slice")
    joined = {name: torch.cat([getattr(b, name) for b in batches]) for name in tensors}
    return Batch(**joined, volume=[name for b in batches for name in b.volume])


def train(batches, accumulate, rule=None):
    """Return the weights after training on batches, and each step's losses."""
    module = ReconModule(make_unet(), partial(torch.optim.SGD, lr=0.1))
    rule = rule or LocalRule()
    rule.parameters = list(module.model.parameters())
    local = LocalTraining(module.make_optimizer, accumulate=accumulate)
    optimizer, fabric = local.optimizer(module.parameters()), Compute("cpu").build_fabric()
    steps = [
        (len(group.volume), float(loss), float(whole))
        for group, loss, whole in local.train(module, batches, rule, optimizer, fabric)
    ]
    return module.model.state_dict(), steps


UNEQUAL = [make_batch(3, seed=1), make_batch(1, seed=2), make_batch(2, seed=3)]


@pytest.mark.parametrize("rule", [LocalRule, Pull])
def test_accumulated_batches_are_one_batch_of_all_their_slices(rule):
    parts, whole = train(UNEQUAL, 3, rule()), train([join(UNEQUAL)], 1, rule())
    for name, tensor in whole[0].items():
        torch.testing.assert_close(parts[0][name], tensor)
    assert parts[1] == [pytest.approx(step) for step in whole[1]]


def test_groups_are_filled_in_order_and_the_last_takes_what_is_left():
    names = [[f"{i}"] for i in range(5)]
    batches = [make_batch(1)._replace(volume=name) for name in names]
    assert [group.volume for group in group_batches(batches, 2)] == [["0", "1"], ["2", "3"], ["4"]]


def test_a_batch_is_read_no_earlier_than_its_group():
    read = []
    groups = group_batches((read.append(i) or make_batch(1) for i in range(4)), 2)
    next(groups)
    assert read == [0, 1]


def test_shares_of_slices_add_up_to_one():
    shares = [share for _, share in StepBatches(UNEQUAL).weigh()]
    assert shares == [3 / 6, 1 / 6, 2 / 6]


def test_one_batch_weighs_exactly_one():
    assert [share for _, share in StepBatches(UNEQUAL[:1]).weigh()] == [1.0]


def test_a_site_takes_a_step_for_so_many_batches_of_a_round(setting):
    def steps(**local):
        federation = setting(rounds=1, local={"epochs": 3, **local}).federation(FedAvg())
        federation.run(setting().module().model.state_dict())
        rows = federation.journal.read()
        return {row.site: row.value for row in rows if row.metric == "steps"}

    one, two = steps(), steps(accumulate=2)
    assert two == {site: -(-n // 2) for site, n in one.items()}


def test_more_than_a_round_holds_is_one_step(run):
    assert equal(
        run(FedAvg(), local={"accumulate": 99}).weights,
        run(FedAvg(), local={"accumulate": 1000}).weights,
    )
