"""Schedules, accumulation, averages, early stopping and augmentation, as configs ask for them."""

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.clients import build_clients
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.data.augmentation import Augmentation
from flmrcm.errors import ConfigErrors
from flmrcm.federation.early_stopping import EarlyStopping
from flmrcm.federation.schedules import Schedule
from flmrcm.learning.losses import L1, L2, SSIMLoss
from flmrcm.learning.weighted_sum import WeightedSum

BASE = ("sites=simulated", "size=tiny", "compute=cpu", "strategy=fl_mr")


def check(*words):
    return check_config(compose_config("train", expand_words([*BASE, *words])))


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        check(*words)
    return caught.value.problems


def test_as_it_stands_all_of_it_is_off():
    setup = check()
    assert (setup.local.rates, setup.local.accumulate) == (Schedule(), 1)
    assert (setup.plan.average.decay, setup.plan.stopping) == (None, EarlyStopping())
    assert {site.loading.augmentation for site in setup.sites.values()} == {None}


def test_what_is_typed_is_what_sites_train_with(tmp_path):
    words = [
        "rounds=9", "local.schedule=cosine", "local.accumulate=3", "ema.decay=0.9",
        "early_stopping.patience=4", "augmentation=flips", "augmentation.flip_rows=0",
    ]  # fmt: skip
    setup = check(*words)
    assert (setup.plan.average.decay, setup.plan.stopping.patience) == (0.9, 4)
    client = build_clients(setup, tmp_path, lambda _: None)["sim_b"]
    expected = Schedule("cosine").find_factor(6, 9)
    assert (client.runtime.find_rate_factor(6), client.runtime.local.accumulate) == (expected, 3)
    assert client.site.loading.augmentation == Augmentation(flip_rows=0)


def test_losses_join_a_sum_by_name():
    words = "loss=sum", "+loss@loss.terms.l2=l2", "+loss.weights.l2=0.5", "loss.weights.l1=2"
    loss = check(*words).module.loss
    assert isinstance(loss, WeightedSum)
    assert {name: type(term) for name, term in loss.terms.items()} == {
        "l1": L1, "ssim": SSIMLoss, "l2": L2,
    }  # fmt: skip
    assert loss.weights == {"l1": 2, "ssim": 1, "l2": 0.5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["local.schedule=cosin"], "local.schedule=cosin"),
        (["local.accumulate=0"], "local.accumulate: at least 1; got 0."),
        (["local.accumulate=some"], "local.accumulate=some: a whole number."),
        (["ema.decay=1"], "ema.decay: between 0 and 1, or null; got 1."),
        (["early_stopping.patience=0"], "early_stopping.patience: at least 1, or null; got 0."),
        (["augmentation=flips", "augmentation.degrees=90"], "augmentation.degrees: in [0, 45]"),
        (["test.checkpoint=last_ema"], "test.checkpoint=last_ema: no average is kept"),
        (["augmentation=flips", "sites.sim_b.mask=file"], "sites.sim_b.mask: was measured"),
        (["loss=sum", "loss.weights.l1=-1"], "loss.weights.l1: at least 0; got -1."),
        (["privacy=dp_volume", "local.accumulate=2"], "local.accumulate=2: a step of privacy="),
    ],
)
def test_what_does_not_go_is_one_line_before_any_work(words, said):
    (problem,) = problems_of(*words)
    assert problem.startswith(said)
