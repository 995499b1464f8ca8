"""Who trains, who is validated and who chooses the best round, as a config says it."""

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.errors import ConfigErrors
from flmrcm.federation.workload import POOLED

WORDS = ["sites=simulated", "strategy=fl_mr", "target=sim_h"]


def check(*words):
    return check_config(compose_config("train", [*WORDS, *words]))


@pytest.mark.parametrize("pooled", [False, True])
def test_an_unseen_target_is_validated_but_chooses_no_round(pooled):
    plan = check("participants=others", f"pooled={pooled}").plan
    assert plan.validation_sites == ["sim_b", "sim_f", "sim_h", "sim_i"]
    assert plan.selection_sites == ["sim_b", "sim_f", "sim_i"]
    assert plan.participants == ([POOLED] if pooled else plan.selection_sites)


def test_a_pool_holds_the_data_of_every_participant_and_of_nobody_else():
    pool = check("participants=others", "pooled=true").pooled
    assert [source.name for source in pool.sources] == ["sim_b", "sim_f", "sim_i"]


def test_what_would_end_a_run_after_its_rounds_or_mean_its_opposite_is_refused_before_it():
    words = {
        "keep_every=often": "a whole number, at least 0; 0 keeps the last two.",
        "test.saved_volumes=-1": "a whole number, at least 0; null keeps all.",
        "accept_lost_journal=no": "true or false.",
    }
    with pytest.raises(ConfigErrors) as refused:
        check(*words)
    assert sorted(refused.value.problems) == sorted(f"{w}: {rule}" for w, rule in words.items())


def test_equal_steps_need_all_participants_in_each_round():
    with pytest.raises(ConfigErrors, match="budget=epochs, or participation=1"):
        check("budget=steps", "participation=0.5")
    assert check("budget=steps").plan.participants == ["sim_b", "sim_f", "sim_h", "sim_i"]
