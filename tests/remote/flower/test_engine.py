"""Flower: real messages, site_files with their own files, and the same weights, bit for bit."""

from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from kits.deployed_sites import OneProcessGrid, last, run_abroad, run_here
from kits.laws import equal

from flmrcm.errors import SiteFailed
from flmrcm.federation.journal import Journal
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.remote import codec
from flmrcm.reports.tables.terminal import read_score_file

pytestmark = pytest.mark.timeout(900)  # whole runs; a busy machine needs long

STRATEGIES = ("fl_mr", "fl_mrcm_latent", "scaffold")


@pytest.mark.parametrize("resident", [False, True], ids=["a process per message", "resident"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_three_rounds_end_bit_for_bit_where_in_process_ends(
    root, site_files, tmp_path, name, resident
):
    grid, words = OneProcessGrid(site_files, resident), [f"strategy={name}"]
    abroad = last(run_abroad(tmp_path / "abroad", grid, *words))
    here = last(run_here(tmp_path / "here", root, *words))
    assert equal(abroad.weights, here.weights)
    assert abroad.extras.keys() == here.extras.keys()
    assert all(equal(abroad.extras[kind], here.extras[kind]) for kind in here.extras)
    assert abroad.memory == here.memory


def test_a_run_that_was_cut_goes_on_with_the_sites_own_memory(root, site_files, tmp_path):
    words, grid = ["strategy=scaffold", "test.saved_volumes=0"], OneProcessGrid(site_files)
    run_abroad(tmp_path / "cut", grid, *words, "rounds=1")
    cut = run_abroad(tmp_path / "cut", grid, *words, "rounds=3", resumes=True)
    straight = run_abroad(tmp_path / "straight", grid, *words)
    assert equal(last(cut).weights, last(straight).weights)


def test_shared_steps_are_shared_by_what_sites_tell(root, site_files, tmp_path):
    words = ["strategy=fl_mr", "budget=steps", "rounds=1"]
    abroad = run_abroad(tmp_path / "abroad", OneProcessGrid(site_files), *words)
    here = run_here(tmp_path / "here", root, *words)
    assert equal(last(abroad).weights, last(here).weights)


def scores(folder):
    table = read_score_file(folder.scores_path)
    return sorted(zip(table["method"], table["site"], table["metric"], table["value"], strict=True))


def test_sites_judge_themselves_and_name_no_volume(root, site_files, tmp_path):
    words = ["strategy=fl_mr", "rounds=1"]
    abroad = run_abroad(tmp_path / "abroad", OneProcessGrid(site_files), *words)
    here = run_here(tmp_path / "here", root, *words)
    assert scores(abroad) == scores(here)
    assert set(read_score_file(abroad.scores_path)["volume"]) == {
        f"{site}/{number}" for site in site_files for number in ("0000", "0001")
    }
    assert not (abroad.path / "reconstructions").exists()
    kept = [*site_files["ixi"].parent.glob("runs/*/reconstructions/ixi/*.h5")]
    assert kept


def test_nothing_that_travels_to_a_site_names_a_path(root, site_files, tmp_path):
    grid = OneProcessGrid(site_files)
    run_abroad(tmp_path / "run", grid, "strategy=fl_mr", "rounds=1")
    told = "".join(str(dict(m.content.config_records["head"])) for m in grid.seen)
    from flmrcm.config.travelling import dump_config, select_travelling_config

    assert len(grid.seen) >= 16
    assert str(tmp_path) not in told + dump_config(select_travelling_config(grid.config))
    assert str(Path.home()) not in told + dump_config(select_travelling_config(grid.config))


def test_both_books_hold_the_same_lines(root, site_files, tmp_path):
    def books():
        return {*site_files["ixi"].parent.glob(f"runs/*/sites/ixi/{LEDGER}")}

    before = books()  # the site_files have seen other runs
    abroad = run_abroad(
        tmp_path / "booked", OneProcessGrid(site_files), "strategy=fl_mr", "rounds=1"
    )
    own = Ledger(abroad.path / LEDGER).read()
    (book,) = books() - before
    assert sorted(Ledger(book).read()) == sorted(entry for entry in own if entry.site == "ixi")
    assert {entry.op for entry in own} == {"join", "train", "validate", "test"}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("away", "site ixi, round 0: isn't connected (waited 0 s)."),
        ("broken", "site ixi, round 0: Node unavailable (Flower's code 3)"),
    ],
)
def test_a_site_that_cannot_be_reached_ends_the_run_in_one_line(site_files, tmp_path, how, said):
    grid = OneProcessGrid(site_files)
    setattr(grid, how, {"ixi"})
    with pytest.raises(SiteFailed) as failed:
        run_abroad(tmp_path / "run", grid, "strategy=fl_mr", "rounds=1")
    assert str(failed.value) == said


def test_with_a_quorum_the_run_goes_on_without_it(site_files, tmp_path):
    grid = OneProcessGrid(site_files)
    grid.away = {"ixi"}
    words = ["strategy=fl_mr", "rounds=1", "robust.quorum=3"]
    run = run_abroad(tmp_path / "run", grid, *words)
    rows = Journal(run.path / "journal.csv").read()
    assert {row.site for row in rows if row.split == "participation"} == {"ixi"}
    assert set(read_score_file(run.scores_path)["site"]) == {"brats", "fastmri", "hpks"}


def test_silence_is_borne_as_long_as_was_said(site_files, tmp_path, monkeypatch):
    grid = OneProcessGrid(site_files)
    join = grid._answer

    def later_silent(message):
        if message.metadata.message_type == "train":
            grid.silent = {"ixi"}
        return join(message)

    monkeypatch.setattr(grid, "_answer", later_silent)
    words = ["strategy=fl_mr", "rounds=1", "robust.timeout=0.5", "test.saved_volumes=0"]
    with pytest.raises(SiteFailed, match=r"site ixi, round 0: no reply within 0\.5 s"):
        run_abroad(tmp_path / "run", grid, *words)


@pytest.mark.parametrize("more", [{}, {"unheard_of": 1}])
def test_another_version_is_refused_with_both_shown(site_files, tmp_path, monkeypatch, more):
    monkeypatch.setattr("flmrcm.remote.site_server.__version__", "0.0.7")
    monkeypatch.setattr(codec, "asdict", lambda call: {**asdict(call), **more})
    with pytest.raises(SiteFailed, match=r"it has flmrcm 0\.0\.7, the coordinator 0\.1\.0"):
        run_abroad(tmp_path / "run", OneProcessGrid(site_files), "strategy=fl_mr")


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("strategies: [Scaffold]", "refused by its site policy: FedAvg isn't among its strat"),
        ("payloads: [metrics]", "refused by its site policy: weights isn't among its payloads"),
        ("operations: [train", "its site policy can't be read; its own log says why."),
        ("operation: [train]", "its site policy can't be read; its own log says why."),
    ],
)
def test_what_a_house_forbids_is_refused_there_and_told_without_a_path(
    site_files, tmp_path, policy, said
):
    (tmp_path / "policy.yaml").write_text(policy)
    house = tmp_path / "site.yaml"
    house.write_text(f"{site_files['ixi'].read_text()}\npolicy: policy.yaml\n")
    with pytest.raises(SiteFailed) as failed:
        run_abroad(tmp_path / "run", OneProcessGrid({**site_files, "ixi": house}), "strategy=fl_mr")
    assert str(failed.value).startswith(f"site ixi, round 0: {said}")
    assert str(tmp_path) not in str(failed.value)


def test_a_house_that_forbids_judging_is_left_out_of_the_table(site_files, tmp_path):
    (tmp_path / "policy.yaml").write_text("operations: [survey, train, validate]")
    house = tmp_path / "site.yaml"
    house.write_text(f"{site_files['ixi'].read_text()}\npolicy: policy.yaml\n")
    grid = OneProcessGrid({**site_files, "ixi": house})
    run = run_abroad(tmp_path / "run", grid, "strategy=fl_mr", "rounds=1")
    assert set(read_score_file(run.scores_path)["site"]) == {"brats", "fastmri", "hpks"}
