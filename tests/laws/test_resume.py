"""A run that was cut short ends where the uninterrupted run ends, bit for bit."""

import logging
import shutil

import pytest
import torch
from kits.laws import TARGET, equal, fl_mrcm

from flmrcm.engines import in_process
from flmrcm.errors import CheckpointError, DataLayoutError
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.site_call import call_site
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.scaffold import Scaffold

TIMES = ("seconds", "slices_per_second")


def measured(setting):
    rows = setting.federation(FedAvg()).journal.read()
    return [row for row in rows if row.metric not in TIMES]


@pytest.mark.parametrize(
    "strategy",
    [FedAvg(target=TARGET), fl_mrcm(), fl_mrcm(alignment="latents"), Scaffold()],
    ids=str,
)
def test_resumed_equals_straight(setting, strategy):
    straight, halves = setting(rounds=3), setting(rounds=1)
    expected = straight.run(strategy)
    halves.run(strategy)
    halves.rounds = 3
    assert equal(halves.run(strategy).weights, expected.weights)
    assert measured(halves) == measured(straight)


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


def test_a_crash_between_journal_and_checkpoint_leaves_no_row_twice(setting, monkeypatch):
    strategy, straight, crashed = FedAvg(target=TARGET), setting(), setting()
    federation = crashed.federation(strategy)
    save = federation.checkpoints.save

    def only_the_first(checkpoint):
        if checkpoint.round:
            raise Crash
        return save(checkpoint)

    monkeypatch.setattr(federation.checkpoints, "save", only_the_first)
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


def test_only_the_memories_that_checkpoints_need_stay(setting):
    here = setting(rounds=4)
    here.run(fl_mrcm())
    kept = {path.stem for path in (here.folder / "checkpoints" / "memory").rglob("*.pt")}
    best = read_checkpoint(here.folder / "checkpoints" / "best.pt").round
    assert kept == {f"round_{r:04}" for r in {2, 3, best}}


def test_best_is_chosen_on_participants_and_last_is_the_last(setting):
    here = setting(rounds=3, participants=("east", "north"))
    state = here.run(fl_mrcm())
    folder = here.folder / "checkpoints"
    assert equal(read_checkpoint(folder / "last.pt").weights, state.weights)
    psnr = {}
    for row in here.federation(FedAvg()).journal.read():
        if (row.split, row.metric, row.convention) == ("val", "psnr", "fastmri"):
            psnr.setdefault(row.round, []).append(row.value)
    assert read_checkpoint(folder / "best.pt").round == max(psnr, key=lambda r: sum(psnr[r]))
