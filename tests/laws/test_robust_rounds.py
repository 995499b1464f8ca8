"""Which failures a round tolerates, and that this changes no bit where no site fails."""

import pytest
from kits.faulty_engine import away, garbage, huge, misshapen, run_with, silent, torn, with_faults
from kits.laws import equal, fl_mrcm

from flmrcm.errors import SiteFailed
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.participation import Tolerance
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.robust import RULES
from flmrcm.strategies.scaffold import Scaffold

EVERYTHING = Tolerance(2, 60.0, suspend_after=1, suspend_for=2)
LIMITS = {"norm_factor": 50.0, "largest_reply": 9.0}
TWO = Tolerance(quorum=2)
EAST = ("east", "train", 0)


def tolerant(setting, tolerance, **changes):
    return setting(plan={"tolerance": tolerance}, **changes)


def absences(here):
    rows = here.federation(FedAvg()).journal.read()
    return [(row.round, row.site, row.metric) for row in rows if row.split == "participation"]


@pytest.mark.parametrize(
    "strategy", [FedAvg(), fl_mrcm(alignment="latents"), Scaffold()], ids=lambda s: type(s).__name__
)
def test_with_nobody_failing_every_rule_of_robustness_changes_no_bit(setting, strategy):
    plain, tolerates = setting(), tolerant(setting, EVERYTHING, limits=LIMITS)
    assert equal(tolerates.run(strategy).weights, plain.run(strategy).weights)
    assert absences(tolerates) == absences(plain) == []
    saved = read_checkpoint(tolerates.folder / "checkpoints" / "last.pt")
    assert saved.suspensions == {}


def test_with_nobody_failing_reusing_or_skipping_changes_no_bit(run):
    expected = run(fl_mrcm(alignment="latents")).weights
    for policy in ("skip", "reuse"):
        state = run(fl_mrcm(alignment="latents", target_failure=policy))
        assert equal(state.weights, expected)


@pytest.mark.parametrize("fault", [away, silent, garbage, torn, misshapen])
def test_by_default_the_first_failure_ends_the_run(setting, fault):
    with pytest.raises(SiteFailed, match="east"):
        run_with(setting(), FedAvg(), {EAST: fault})


@pytest.mark.parametrize("fault", [away, silent, garbage, torn, misshapen])
def test_a_round_without_a_site_is_the_round_of_the_others(setting, fault):
    here = tolerant(setting, TWO, rounds=1)
    others = setting(rounds=1, participants=("north", "south"))
    assert equal(run_with(here, FedAvg(), {EAST: fault}).weights, others.run(FedAvg()).weights)
    assert [(r, site) for r, site, _ in absences(here)] == [(0, "east")]


def test_a_refused_site_goes_on_from_the_memory_it_had(setting):
    lost, refused = tolerant(setting, TWO), tolerant(setting, TWO)
    expected = run_with(lost, Scaffold(), {EAST: away})
    state = run_with(refused, Scaffold(), {EAST: garbage})
    assert equal(state.weights, expected.weights)
    federation = refused.federation(Scaffold())
    assert federation.checkpoints.load().memory == {"east": 1, "north": 1, "south": 1}


def test_too_few_good_replies_end_the_run_and_whole_rounds_stay(setting):
    here = tolerant(setting, TWO)
    faults = {("east", "train", 1): away, ("north", "train", 1): garbage}
    with pytest.raises(SiteFailed, match=r"good replies of 2 sites, 1 can be had"):
        run_with(here, FedAvg(), faults)
    assert equal(here.run(FedAvg()).weights, setting().run(FedAvg()).weights)


def test_a_site_that_failed_is_not_called_again_in_that_round(setting):
    here = tolerant(setting, TWO)
    federation = with_faults(here.federation(FedAvg()), {EAST: away})
    federation.run(here.module().model.state_dict())
    called = federation.engine.called
    assert ("east", "validate", 0) not in called
    assert ("east", "validate", 1) in called


def test_a_suspended_site_is_not_called_and_comes_back(setting):
    here = tolerant(setting, Tolerance(2, suspend_after=2, suspend_for=2), rounds=6)
    faults = {("east", "train", round_): away for round_ in (0, 1)}
    federation = with_faults(here.federation(FedAvg()), faults)
    federation.run(here.module().model.state_dict())
    called = federation.engine.called
    assert [r for site, op, r in called if (site, op) == ("east", "train")] == [0, 1, 4, 5]
    assert absences(here) == [
        (0, "east", "failed"), (1, "east", "failed"),
        (2, "east", "suspended"), (3, "east", "suspended"),
    ]  # fmt: skip


@pytest.mark.parametrize("rounds_before", [1, 2, 3])
def test_suspensions_survive_a_resume_bit_for_bit(setting, rounds_before):
    tolerance = Tolerance(2, suspend_after=2, suspend_for=1)
    faults = {("east", "train", 0): away, ("east", "train", 1): garbage}
    straight, halves = (tolerant(setting, tolerance, rounds=n) for n in (4, rounds_before))
    expected = run_with(straight, Scaffold(), faults)
    run_with(halves, Scaffold(), faults)
    halves.rounds = 4
    assert equal(run_with(halves, Scaffold(), faults).weights, expected.weights)
    assert absences(halves) == absences(straight)
    assert (2, "east", "suspended") in absences(straight)


def test_a_reply_much_longer_than_the_others_is_refused_only_with_a_limit(setting):
    wary = tolerant(setting, TWO, limits=LIMITS, rounds=1)
    others = setting(rounds=1, participants=("north", "south"))
    assert equal(run_with(wary, FedAvg(), {EAST: huge}).weights, others.run(FedAvg()).weights)
    assert absences(wary) == [(0, "east", "refused")]
    trusting = run_with(tolerant(setting, TWO, rounds=1), FedAvg(), {EAST: huge})
    assert max(tensor.abs().max() for tensor in trusting.weights.values()) > 1e4


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"krum"}))
def test_a_robust_rule_tolerates_what_the_norm_does_not_see(setting, rule):
    state = run_with(setting(rounds=1), FedAvg(aggregation=rule), {EAST: huge})
    assert max(tensor.abs().max() for tensor in state.weights.values()) < 10


def test_a_round_that_not_all_have_validated_cannot_be_the_best(setting):
    here = tolerant(setting, TWO, rounds=3)
    faults = {("north", "validate", round_): away for round_ in (1, 2)}
    run_with(here, FedAvg(), faults)
    assert read_checkpoint(here.folder / "checkpoints" / "best.pt").round == 0


def test_the_time_out_reaches_the_engine(setting):
    here = tolerant(setting, Tolerance(timeout=7.0), rounds=1)
    federation = with_faults(here.federation(FedAvg()), {})
    federation.run(here.module().model.state_dict())
    assert federation.engine.timeouts == {7.0}
