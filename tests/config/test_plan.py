"""Who trains, who is validated and who chooses the best round, as a config says it."""

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
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
