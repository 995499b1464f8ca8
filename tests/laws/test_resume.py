"""A run that was cut short ends where the uninterrupted run ends, bit for bit."""

import logging
import shutil
from dataclasses import replace

import pytest
import torch
from kits.faulty_engine import with_faults
from kits.file_queues import Late
from kits.laws import TARGET, equal, fed_bn, fl_mrcm

from flmrcm.engines import in_process
from flmrcm.errors import CheckpointError, DataLayoutError
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.site_call import call_site
from flmrcm.file_queue import FileQueue
from flmrcm.learning.weights import read_torch_file
from flmrcm.strategies.ditto import Ditto
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.feddyn import FedDyn
from flmrcm.strategies.fedmri import FedMRI
from flmrcm.strategies.finetune import FineTune
from flmrcm.strategies.moon import Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdam

TIMES = ("seconds", "slices_per_second")
STRATEGIES = [
    FedAvg(target=TARGET), fl_mrcm(), fl_mrcm(alignment="latents"), Scaffold(), FedDyn(), FedAdam(),
    Moon(), Ditto(), FineTune(), fed_bn(), FedMRI(), FedMRI(negatives="all"),
]  # fmt: skip


class Scribbler(FedAvg):
    """Writes over the weights of the round before, as a method of somebody else's may."""

    def aggregate(self, state, replies):
        result = super().aggregate(state, replies)
        for tensor in state.weights.values():
            tensor.zero_()
        return result


def measured(setting):
    rows = setting.federation(FedAvg()).journal.read()
    return [row for row in rows if row.metric not in TIMES]


def name(strategy):
    return type(strategy).__name__


@pytest.mark.parametrize("strategy", [*STRATEGIES, Scribbler()], ids=name)
def test_however_late_a_file_is_written_it_holds_what_was_so_then(setting, strategy):
    contents = {}
    for queue in (FileQueue(), Late()):
        here = setting(rounds=3)
        federation = here.federation(strategy)
        federation.engine.store.files = queue
        federation.run(here.module(strategy).model.state_dict())
        files = sorted((here.folder / "checkpoints").rglob("*.pt"))
        contents[queue] = {str(p.relative_to(here.folder)): read_file(p) for p in files}
    at_once, late = contents.values()
    assert len(at_once) >= 4
    assert_equal(late, at_once)


def read_file(path):
    """Return what a file holds, without the journal's hash: seconds differ."""
    return {key: value for key, value in read_torch_file(path).items() if key != "journal"}


def assert_equal(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=name)
def test_resumed_equals_straight(setting, strategy):
    straight, halves = setting(rounds=3), setting(rounds=1)
    expected = straight.run(strategy)
    halves.run(strategy)
    halves.rounds = 3
    assert equal(halves.run(strategy).weights, expected.weights)
    assert measured(halves) == measured(straight)


@pytest.mark.parametrize(
    "local",
    [
        {"schedule": "cosine", "schedule_rounds": 3},
        {"schedule": "warmup_cosine", "warmup_rounds": 2, "schedule_rounds": 3},
        {"accumulate": 2},
    ],
    ids=str,
)
def test_resumed_equals_straight_whatever_a_site_s_training(setting, local):
    straight, halves = setting(rounds=3, local=local), setting(rounds=1, local=local)
    expected = straight.run(FedAvg())
    halves.run(FedAvg())
    halves.rounds = 3
    assert equal(halves.run(FedAvg()).weights, expected.weights)
    assert measured(halves) == measured(straight)
    assert not equal(expected.weights, setting(rounds=3).run(FedAvg()).weights)


class Crash(Exception):
    pass


@pytest.mark.parametrize("calls_survived", range(1, 8))
def test_a_crash_between_any_two_calls_costs_no_whole_round(setting, calls_survived, monkeypatch):
    strategy, straight, crashed = fl_mrcm(), setting(), setting()
    federation, count = crashed.federation(strategy), iter(range(100))

    def until_the_crash(*arguments):
        if next(count) == calls_survived:
            raise Crash
        return call_site(*arguments)

    monkeypatch.setattr(in_process, "call_site", until_the_crash)
    with pytest.raises(Crash):
        federation.run(crashed.module().model.state_dict())
    monkeypatch.undo()
    assert equal(crashed.run(strategy).weights, straight.run(strategy).weights)
    assert measured(crashed) == measured(straight)


@pytest.mark.parametrize("whole", [0, 1])
def test_a_crash_between_journal_and_checkpoint_leaves_no_row_twice(setting, monkeypatch, whole):
    strategy, straight, crashed = FedAvg(target=TARGET), setting(), setting()
    federation = crashed.federation(strategy)
    save = federation.checkpoints.save

    def only_whole_rounds(checkpoint):
        if checkpoint.round == whole:
            raise Crash
        return save(checkpoint)

    monkeypatch.setattr(federation.checkpoints, "save", only_whole_rounds)
    with pytest.raises(Crash):
        federation.run(crashed.module().model.state_dict())
    straight.run(strategy)
    crashed.run(strategy)
    assert measured(crashed) == measured(straight)


@pytest.mark.parametrize("rounds", [2, 4])
def test_a_run_whose_journal_lost_lines_is_not_resumed(setting, rounds):
    here = setting(rounds=2)
    here.run(FedAvg())
    here.rounds, path = rounds, here.folder / "journal.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataLayoutError, match="are left"):
        here.run(FedAvg())


def test_a_run_whose_checkpoints_are_gone_is_not_begun_anew(setting):
    here = setting(rounds=2)
    here.run(FedAvg())
    before = (here.folder / "journal.csv").read_bytes()
    shutil.rmtree(here.folder / "checkpoints")
    with pytest.raises(CheckpointError, match="no checkpoint is left"):
        here.run(FedAvg())
    assert (here.folder / "journal.csv").read_bytes() == before


def test_a_checkpoint_without_a_seal_resumes_as_it_did(setting):
    here, straight = setting(rounds=2), setting(rounds=3)
    here.run(FedAvg())
    newest = here.folder / "checkpoints" / "round_0001.pt"
    content = torch.load(newest, weights_only=True)
    del content["journal"]
    torch.save(content, newest)
    here.rounds = 3
    assert equal(here.run(FedAvg()).weights, straight.run(FedAvg()).weights)
    assert measured(here) == measured(straight)


def test_a_truncated_checkpoint_is_skipped_for_the_one_before(setting, caplog):
    here, straight = setting(rounds=3), setting(rounds=3)
    here.run(fl_mrcm())
    newest = here.folder / "checkpoints" / "round_0002.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        again = here.run(fl_mrcm())
    assert "round_0002.pt" in caplog.text
    assert equal(again.weights, straight.run(fl_mrcm()).weights)


def test_a_folder_of_broken_checkpoints_says_so(setting):
    here = setting(rounds=1)
    here.run(FedAvg())
    for path in (here.folder / "checkpoints").glob("*.pt"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="none of 1 checkpoints can be read"):
        here.run(FedAvg())


UNSEEN = "north"
SCORES = {"east": (30.0, 33.0, 31.0, 29.0), "south": (31.0, 32.0, 33.0, 30.0),
          UNSEEN: (50.0, 20.0, 20.0, 60.0)}  # fmt: skip
"""Validation PSNR, by site and round: of the participants alone, round 1 is the best."""


def run_scored(here, rounds=4):
    """Run with validation scores of our own, the unseen site's among them."""

    def score(value):
        return lambda reply: replace(reply, metrics={"psnr/fastmri": value})

    faults = {
        (site, "validate", r): score(v) for site in SCORES for r, v in enumerate(SCORES[site])
    }
    here.rounds = rounds
    federation = with_faults(here.federation(fl_mrcm()), faults)
    plan = replace(federation.plan, validation_sites=sorted(SCORES))
    return replace(federation, plan=plan).run(here.module().model.state_dict())


@pytest.mark.parametrize("cut", [False, True], ids=["straight", "resumed"])
def test_best_is_chosen_on_participants_and_last_is_the_last(setting, cut):
    here = setting(participants=("east", "south"))
    if cut:
        run_scored(here, rounds=2)
    state = run_scored(here)
    last, best = (read_checkpoint(here.folder / f"checkpoints/{n}.pt") for n in ("last", "best"))
    assert equal(last.weights, state.weights)
    assert (last.round, best.round, last.best_round, last.best_score) == (3, 1, 1, 32.5)


@pytest.mark.parametrize("cut", [False, True], ids=["straight", "resumed"])
def test_only_the_memories_that_checkpoints_need_stay(setting, cut):
    here = setting(participants=("east", "south"))
    if cut:
        run_scored(here, rounds=3)
    run_scored(here)
    kept = {path.stem for path in (here.folder / "checkpoints" / "memory").rglob("*.pt")}
    assert kept == {"round_0001", "round_0002", "round_0003"}


def test_of_two_equally_good_rounds_the_earlier_is_the_best(setting, monkeypatch):
    monkeypatch.setitem(SCORES, "east", (30.0, 30.0))
    monkeypatch.setitem(SCORES, "south", (30.0, 30.0))
    here = setting(participants=("east", "south"))
    run_scored(here, rounds=2)
    assert read_checkpoint(here.folder / "checkpoints" / "best.pt").round == 0
