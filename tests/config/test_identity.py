"""Two configs are one experiment where nothing that changes numbers differs."""

import pytest
from omegaconf import OmegaConf

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.identity import hash_config
from flmrcm.config.jobs import compose_jobs


def hashed(*words):
    return hash_config(_root_=compose_config("train", words))


def test_the_hash_follows_what_changes_numbers_and_nothing_else():
    same = [hashed(), hashed("logger=csv"), hashed("compute.workers=2"), hashed("name=other")]
    assert len(set(same)) == 1
    assert len({hashed(), hashed("seed=2"), hashed("rounds=3"), hashed("mask=equispaced")}) == 4


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_run_is_of_the_precision_that_this_machine_chooses(monkeypatch, precision):
    monkeypatch.setattr("flmrcm.learning.compute.choose_precision", lambda _: precision)
    auto, stated = "compute.precision=auto", f"compute.precision={precision}"
    assert hashed(auto) == hashed(stated)
    setup = check_config(compose_config("train", ["debug=tiny", auto]))
    assert setup.config["compute"]["precision"] == setup.compute.precision == precision


@pytest.mark.parametrize(
    "words",
    [("participants=all",), ("participants=BFHI",), ("participants=[sim_i,sim_h,sim_f,sim_b]",)],
)
def test_sites_are_the_same_however_they_are_named(words):
    assert hashed(*words, "target=H") == hashed("target=sim_h")


def test_a_strategy_without_a_target_is_one_run_for_all_targets():
    assert hashed("strategy=fl_mr", "target=B") == hashed("strategy=fl_mr", "target=I")
    assert hashed("strategy=fl_mrcm", "target=B") != hashed("strategy=fl_mrcm", "target=I")


def test_a_target_outside_still_distinguishes_runs():
    words = "strategy=fl_mr", "participants=[sim_b,sim_f]"
    assert hashed(*words, "target=H") != hashed(*words, "target=I")


@pytest.mark.parametrize(
    ("sweep", "runs"), [("scenario_unseen", 20), ("scenario_participating", 14)]
)
def test_a_scenario_makes_no_run_twice(sweep, runs):
    planned = compose_jobs("train", [f"sweep={sweep}"], multirun=False)
    assert len({job.folder for job in planned}) == runs


def test_both_scenarios_share_the_sites_that_train_alone():
    both = [
        {job.folder.name for job in compose_jobs("train", [f"sweep=scenario_{name}"], False)}
        for name in ("unseen", "participating")
    ]
    assert len(both[0] & both[1]) == 4


def test_a_newer_key_counts_only_where_it_is_used():
    old = compose_config("train", [])
    later = "robust middleware loss metrics strategy.aggregation strategy.faulty strategy.private"
    later += " mask.partial_fourier maps strategy.fairness model.norm privacy"
    later += " ema early_stopping augmentation local.accumulate local.schedule local.warmup_rounds"
    later += " local.schedule_rounds local.lowest_factor"
    for key in later.split():
        OmegaConf.set_struct(old, False)
        parent, _, last = key.rpartition(".")
        del (OmegaConf.select(old, parent) if parent else old)[last]
    for site in old.sites.values():
        del site["policy"]
    assert hash_config(_root_=old) == hashed()
    words = (
        "robust.quorum=3", "strategy.aggregation=median", "strategy.fairness=2",
        "mask.partial_fourier=0.75", "model.norm=batch", "local.accumulate=2",
        "local.schedule=cosine", "ema.decay=0.9", "early_stopping.patience=3", "augmentation=flips",
    )  # fmt: skip
    assert len({hashed(), *map(hashed, words)}) == 11


def test_a_norm_counts_where_it_is_not_the_one_a_model_had_before_there_was_a_choice():
    old = compose_config("train", ["model=modl"])
    OmegaConf.set_struct(old, False)
    del old.model["norm"]
    assert hash_config(_root_=old) == hashed("model=modl", "model.norm=batch")
    assert hash_config(_root_=old) != hashed("model=modl", "model.norm=group")
