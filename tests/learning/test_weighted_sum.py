"""Several losses by weight: their sum, and what each of them needs."""

import numpy as np
import pandas as pd
import pytest
import torch
from kits.factories import make_batch
from kits.laws import equal

from flmrcm.errors import ConfigErrors
from flmrcm.learning.losses import L1, L1SSIM, L2, SSIMLoss
from flmrcm.learning.module import ReconModule
from flmrcm.learning.ssdu import SSDU
from flmrcm.learning.weighted_sum import WeightedSum
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Reconstruction

FIND = Reconstruction(make_batch(seed=1).get_target())
GOAL = make_batch()._replace(peak=torch.tensor([5.0, 6.0]))


def test_it_is_the_weighted_sum():
    loss = WeightedSum({"a": L1(), "b": L2()}, {"a": 0.3, "b": 2})
    expected = 0.3 * L1()(FIND, GOAL) + 2 * L2()(FIND, GOAL)
    torch.testing.assert_close(loss(FIND, GOAL), expected)


def test_fastmris_mixture_is_one_of_them():
    loss = WeightedSum({"l1": L1(), "ssim": SSIMLoss()}, {"l1": 0.1, "ssim": 0.9})
    torch.testing.assert_close(loss(FIND, GOAL), L1SSIM(0.9)(FIND, GOAL))


def test_one_loss_of_weight_one_trains_as_that_loss_to_the_bit(setting):
    here, there = setting(rounds=1), setting(rounds=1)
    module = here.module()
    only = WeightedSum({"l1": L1(), "ssim": SSIMLoss()}, {"l1": 1.0, "ssim": 0})
    summed = ReconModule(module.model, module.make_optimizer, only)
    found = here.federation(FedAvg(), summed).run(module.model.state_dict())
    assert equal(found.weights, there.run(FedAvg()).weights)


def test_it_reads_what_its_losses_read_and_no_more():
    terms = {"l1": L1(), "ssim": SSIMLoss()}
    assert WeightedSum(terms, {"l1": 1.0, "ssim": 0.5}).needs_peak
    assert not WeightedSum(terms, {"l1": 1.0, "ssim": 0.0}).needs_peak
    assert WeightedSum(terms, {"l1": 1.0, "ssim": 0.0}).needs_target


@pytest.mark.parametrize(
    ("terms", "weights", "said"),
    [
        ({"l1": L1()}, {"l1": -1.0}, "loss.weights.l1: at least 0; got -1.0."),
        ({"l1": L1()}, {"l1": 0.0}, "loss.weights: one of them above 0."),
        ({"l1": L1()}, {"l2": 1.0}, "loss: l1 needs both loss.terms.l1 and a weight."),
        ({"x": SSDU()}, {"x": 1.0}, "loss.terms.x: SSDU hides samples; it can't be one of several"),
    ],
)
def test_what_is_no_sum_is_refused(terms, weights, said):
    with pytest.raises(ConfigErrors) as caught:
        WeightedSum(terms, weights)
    assert said in caught.value.problems[0]


def test_each_term_is_measured_beside_the_sum_without_its_weight():
    loss = WeightedSum({"a": L1(), "b": L2()}, {"a": 0.3, "b": 2})
    whole, *terms = loss.measure(FIND, GOAL)
    assert loss.term_names == ("a", "b")
    assert terms == [L1()(FIND, GOAL), L2()(FIND, GOAL)]
    assert whole == loss(FIND, GOAL)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_terms_stand_in_the_journal_and_add_up_to_the_loss(setting, accumulate):
    here = setting(rounds=2, local={"accumulate": accumulate})
    module = here.module()
    loss = WeightedSum({"l1": L1(), "l2": L2(), "off": L1()}, {"l1": 0.5, "l2": 2, "off": 0})
    summed = ReconModule(module.model, module.make_optimizer, loss)
    here.federation(FedAvg(), summed).run(module.model.state_dict())
    journal = pd.read_csv(here.folder / "journal.csv").query("split == 'train'")
    found = journal.pivot(index=["round", "site"], columns="metric", values="value")
    assert {name for name in found if name.startswith("loss")} == {"loss", "loss/l1", "loss/l2"}
    total = 0.5 * found["loss/l1"] + 2 * found["loss/l2"]
    np.testing.assert_allclose(total, found["loss"], rtol=1e-5)
