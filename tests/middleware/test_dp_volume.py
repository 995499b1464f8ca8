"""DP-SGD in a federation: what leaves a site, what is counted, when a run ends, who is refused."""

import math
from dataclasses import replace

import pytest
import torch
from kits.laws import equal, fl_mrcm

from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.checkpoint import CheckpointFolder
from flmrcm.federation.private_round import group_slices
from flmrcm.middleware.dp_volume import EPSILON, EPSILON_NEXT, PRIVACY, DPVolume
from flmrcm.models.modl import MoDL
from flmrcm.privacy.accountant import Spending, add_epsilon
from flmrcm.strategies.ditto import Ditto
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.feddyn import FedDyn
from flmrcm.strategies.fednova import FedNova
from flmrcm.strategies.fedper import FedPer
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.moon import Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdam, FedAvgM

SUITED = [
    FedAvg(), FedProx(), FedPer(private=["up_conv.*"]), FedAvgM(), FedAdam(), Scaffold(), FedDyn(),
    FedNova(any_optimizer=True),
]  # fmt: skip


def read(setting):
    """Return a run's journal: round → site → metric → value, of training."""
    rows = setting.federation(FedAvg()).journal.read()
    found = {}
    for row in rows:
        if row.split == "train":
            found.setdefault(row.round, {}).setdefault(row.site, {})[row.metric] = row.value
    return found


def private(**changes):
    return {PRIVACY: DPVolume(**{"noise": 2.0, "target_epsilon": None} | changes)}


def find_problems(strategy, module):
    return private()[PRIVACY].find_problems(strategy, module, {})


@pytest.mark.parametrize("strategy", SUITED, ids=lambda s: type(s).__name__)
def test_strategies_whose_sites_learn_by_gradients_run(setting, strategy):
    here = setting(members=private(), rounds=1, participants=["north", "south"])
    weights = here.run(strategy).weights
    assert all(bool(torch.isfinite(t).all()) for t in weights.values())
    assert find_problems(strategy, here.module()) == []


@pytest.mark.parametrize("strategy", [FedAvg(), Scaffold()], ids=lambda s: type(s).__name__)
def test_a_resumed_run_has_spent_what_it_had_and_ends_bit_for_bit_alike(setting, strategy):
    here = setting(members=private(), rounds=2)
    whole = here.run(strategy)
    halved = setting(members=private(), rounds=2)
    replace(halved, rounds=1).run(strategy)
    assert equal(halved.run(strategy).weights, whole.weights)
    rounds = [{s: m[EPSILON] for s, m in sites.items()} for sites in read(halved).values()]
    assert all(rounds[0][site] < rounds[1][site] for site in rounds[0])
    assert rounds == [{s: m[EPSILON] for s, m in x.items()} for x in read(here).values()]


@pytest.mark.parametrize(
    "strategy", [fl_mrcm(), fl_mrcm(alignment="latents"), Ditto(), Moon()], ids=lambda s: type(s)
)
def test_strategies_that_learn_in_other_ways_are_refused_by_name(setting, strategy):
    module = setting().module()
    (problem,) = find_problems(replace(strategy, name="Its name"), module)
    assert problem.startswith("privacy=dp_volume: Its name lets more of a volume's data out")


def test_a_strategy_of_ones_own_has_to_say_that_it_is_suited(setting):
    class Own(FedAvg):
        def local_rule(self, site):
            return super().local_rule(site)

    class Declared(Own):
        private_units = ("volume",)

        def local_rule(self, site):
            return super().local_rule(site)

    module = setting().module()
    assert find_problems(Own(), module)
    assert not find_problems(Declared(), module)


def test_what_else_would_tell_of_volumes_is_refused(setting):
    module = setting().module()
    (fair,) = find_problems(FedAvg(weighting="fair"), module)
    assert "weighting=fair" in fair
    module.model = MoDL(1, 2, 4)
    (norm,) = find_problems(FedAvg(), module)
    assert "MoDL's denoiser.features.1 is a BatchNorm2d" in norm


def test_a_reply_says_nothing_of_training_but_its_steps_time_and_epsilon(setting):
    here = setting(members=private(), rounds=1)
    here.run(FedAvg())
    told = {
        "steps", "seconds", EPSILON, EPSILON_NEXT, "delta", "noise_multiplier",
    }  # fmt: skip
    assert {site: set(metrics) for site, metrics in read(here)[0].items()} == dict.fromkeys(
        here.participants, told
    )


def test_epsilon_is_that_of_the_steps_that_were_taken(setting):
    here = setting(members=private(volumes_per_step=1), rounds=3)
    here.run(FedAvg())
    for round_, sites in read(here).items():
        for name, metrics in sites.items():
            volumes = len(group_slices(here.sites[name]))
            steps = int(metrics["steps"]) * (round_ + 1)
            assert metrics["delta"] == pytest.approx(1 / (10 * volumes))
            spent = Spending(1 / volumes, 2.0, steps)
            assert metrics[EPSILON] == pytest.approx(add_epsilon([spent], metrics["delta"]))
            if round_:
                assert metrics[EPSILON] == pytest.approx(read(here)[round_ - 1][name][EPSILON_NEXT])


def test_the_noise_that_is_found_spends_the_target_in_the_last_round(setting):
    here = setting(members=private(noise=None, target_epsilon=3.0), rounds=2)
    here.run(FedAvg())
    last = read(here)[1].values()
    assert all(metrics[EPSILON] == pytest.approx(3, rel=2e-3) for metrics in last)
    assert all(metrics[EPSILON] <= 3 for metrics in last)


def test_a_run_ends_at_the_last_round_that_the_target_allows(setting, caplog):
    spent = setting(members=private(), rounds=4)
    spent.run(FedAvg())
    most = max(metrics[EPSILON] for metrics in read(spent)[1].values())
    here = setting(members=private(target_epsilon=most), rounds=4, plan={"validate_every": 4})
    here.run(FedAvg())
    assert set(read(here)) == {0, 1}
    journal = here.federation(FedAvg()).journal.read()
    assert next(row for row in journal if row.split == "val").round == 1
    assert caplog.text.count("stopped after round 2 of 4: site ") == 1
    again = here.run(FedAvg())  # resumed, it stays where it is
    assert set(read(here)) == {0, 1}
    kept = CheckpointFolder(here.folder / "checkpoints", 0, {}).load()
    assert kept.round == 1
    assert equal(again.weights, kept.state.weights)


def test_more_rounds_keep_the_noise_and_end_where_it_was_to_end(setting):
    here = setting(members=private(noise=None, target_epsilon=3.0), rounds=2)
    here.run(FedAvg())
    replace(here, rounds=5).run(FedAvg())
    assert set(read(here)) == {0, 1}


def test_a_site_itself_refuses_what_the_server_would_let_pass(setting):
    here = setting(members=private(target_epsilon=0.01), rounds=1)
    with pytest.raises(SiteFailed, match=r"privacy.target_epsilon=0.01: this round would spend ε"):
        here.run(FedAvg())


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"clip": 0.0}, "privacy.clip: above 0; got 0.0."),
        ({"noise": -1.0}, "privacy.noise: above 0, or null; got -1.0."),
        ({"delta": 1.0}, "privacy.delta: between 0 and 1, or null; got 1.0."),
        ({"chunk": 0}, "privacy.chunk: at least 1; got 0."),
        ({"volumes_per_step": 0}, "privacy.volumes_per_step: at least 1; got 0."),
        (
            {"noise": None},
            "privacy.noise: null finds it for a privacy.target_epsilon; give either.",
        ),
        ({"target_epsilon": -math.inf}, "privacy.target_epsilon: above 0"),
    ],
)
def test_values_out_of_range_are_one_line(keys, line):
    with pytest.raises(ConfigErrors) as caught:
        private(**keys)
    assert line in str(caught.value)
