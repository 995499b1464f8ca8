"""A run ends where its participants' validation gets no better, whatever an unseen target says."""

import logging
from dataclasses import replace

import pytest
from kits.faulty_engine import away, with_faults
from kits.laws import equal, fl_mrcm

from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.early_stopping import EarlyStopping
from flmrcm.federation.participation import Tolerance
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.finetune import FineTune

UNSEEN = "north"
EAST = (30.0, 32.0, 31.0, 32.0, 33.0, 32.0, 32.0, 32.0)
"""Validation PSNR by round: its best are rounds 1 and, three rounds later, 4."""


def run(here, patience, unseen=EAST, rounds=8, missing=(), strategy=None, more=None):
    """Run with these scores; return the last checkpoint."""
    scores = {"east": EAST, "south": EAST, UNSEEN: unseen}

    def score(site, round_):
        if (site, round_) in missing:
            return lambda reply: replace(reply, metrics={}, error=f"site {site} failed.")
        return lambda reply: replace(reply, metrics={"psnr/fastmri": scores[site][round_]})

    faults = {(s, "validate", r): score(s, r) for s in scores for r in range(rounds)}
    here.rounds = rounds
    federation = with_faults(here.federation(strategy or fl_mrcm()), faults | (more or {}))
    tolerance = Tolerance(quorum=1 if missing else None)
    plan = replace(
        federation.plan,
        validation_sites=sorted(scores),
        stopping=EarlyStopping(patience),
        tolerance=tolerance,
    )
    replace(federation, plan=plan).run(here.module().model.state_dict())
    return read_checkpoint(here.folder / "checkpoints" / "last.pt")


def trained_rounds(here):
    rows = here.federation(FedAvg()).journal.read()
    return {row.round for row in rows if row.metric == "steps"}


@pytest.fixture
def here(setting):
    return setting(participants=("east", "south"))


@pytest.mark.parametrize(("patience", "last"), [(1, 2), (2, 3), (3, 7), (4, 7), (None, 7)])
def test_it_ends_after_so_many_validations_without_a_better_one(here, caplog, patience, last):
    with caplog.at_level(logging.WARNING):
        assert run(here, patience).round == last
    assert ("early_stopping.patience" in caplog.text) == (last < 7)


@pytest.mark.parametrize("unseen", [tuple(range(20, 28)), tuple(range(28, 20, -1))])
def test_an_unseen_targets_scores_end_nothing_and_save_nothing(here, unseen):
    assert run(here, 2, unseen=unseen).round == 3


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_resumed_run_ends_where_the_uninterrupted_one_does(here, cut):
    run(here, 2, rounds=cut)
    found = run(here, 2)
    assert (found.round, found.stale, found.best_round) == (3, 2, 1)


def test_with_more_patience_a_run_that_ended_goes_on_as_if_it_always_had_it(here):
    run(here, 2)
    found = run(here, 3)
    assert (found.round, found.best_round) == (7, 4)


def test_a_run_that_ended_early_and_fine_tuned_goes_on_with_more_patience(setting):
    tuning = FineTune(steps=1)
    here, whole = (setting(participants=("east", "south")) for _ in range(2))
    assert (run(here, 2, strategy=tuning).round, run(here, 2, strategy=tuning).round) == (8, 8)
    assert not {4, 5} & trained_rounds(here)
    with pytest.raises(SiteFailed):  # on the way, it breaks off once more
        run(here, 3, strategy=tuning, more={("east", "train", 6): away})
    resumed, expected = run(here, 3, strategy=tuning), run(whole, 3, strategy=tuning)
    assert trained_rounds(here) == trained_rounds(whole) == set(range(8))
    assert equal(dict(resumed.weights), dict(expected.weights))
    assert resumed.memory == expected.memory


def test_a_validation_that_lacks_a_participant_does_not_count(here):
    found = run(here, 2, missing={("south", 2)})  # which would end it in round 3
    assert (found.round, found.best_round) == (6, 4)


@pytest.mark.parametrize("patience", [0, -1])
def test_a_patience_below_one_is_refused(patience):
    with pytest.raises(ConfigErrors, match=r"early_stopping\.patience: at least 1"):
        EarlyStopping(patience)
