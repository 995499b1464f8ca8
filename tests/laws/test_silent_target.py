"""What FL-MRCM does when its target sends no latents."""

import pytest
from kits.faulty_engine import away, empty, run_with
from kits.laws import TARGET, equal, fl_mrcm

from flmrcm.errors import SiteFailed
from flmrcm.federation.participation import Tolerance
from flmrcm.strategies.fedavg import FedAvg

OUTSIDE = {"participants": ("east", "north"), "plan": {"tolerance": Tolerance(quorum=2)}}


def latents(policy):
    return fl_mrcm(alignment="latents", target_failure=policy)


@pytest.mark.parametrize("fault", [away, empty])
def test_abort_ends_the_run_whatever_the_quorum(setting, fault):
    with pytest.raises(SiteFailed, match=TARGET):
        run_with(setting(**OUTSIDE), latents("abort"), {(TARGET, "survey", 1): fault})


def test_skip_trains_without_the_adversarial_term(setting):
    faults = {(TARGET, "survey", round_): away for round_ in (0, 1)}
    state = run_with(setting(**OUTSIDE), latents("skip"), faults)
    assert equal(state.weights, setting(**OUTSIDE).run(FedAvg(target=TARGET)).weights)


def test_reuse_takes_the_latents_of_the_round_before(setting):
    frozen = setting(**OUTSIDE)
    first = []

    def remembered(reply):
        first.append(reply.extras)
        return reply

    def replayed(reply):
        return type(reply)(reply.site, reply.n_examples, extras=first[0])

    repeated = run_with(
        frozen,
        latents("abort"),
        {(TARGET, "survey", 0): remembered, (TARGET, "survey", 1): replayed},
    )
    lost = run_with(setting(**OUTSIDE), latents("reuse"), {(TARGET, "survey", 1): away})
    assert equal(lost.weights, repeated.weights)


def test_reused_latents_survive_a_resume(setting):
    faults = {(TARGET, "survey", 1): away, (TARGET, "survey", 2): away}
    straight, halves = setting(rounds=3, **OUTSIDE), setting(rounds=2, **OUTSIDE)
    expected = run_with(straight, latents("reuse"), faults)
    run_with(halves, latents("reuse"), faults)
    halves.rounds = 3
    assert equal(run_with(halves, latents("reuse"), faults).weights, expected.weights)


def test_nothing_to_reuse_is_one_line(setting):
    with pytest.raises(SiteFailed, match="the target has sent no latents before"):
        run_with(setting(**OUTSIDE), latents("reuse"), {(TARGET, "survey", 0): away})


def test_a_suspended_target_is_a_missing_one(setting):
    tolerance = Tolerance(quorum=2, suspend_after=1, suspend_for=2)
    changes = OUTSIDE | {"plan": {"tolerance": tolerance}, "rounds": 3}
    state = run_with(setting(**changes), latents("skip"), {(TARGET, "survey", 0): away})
    assert equal(state.weights, setting(**changes).run(FedAvg(target=TARGET)).weights)
