"""Flower: real messages, sites with their own files, and the same weights, bit for bit."""

from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from kits.deployed_sites import OneProcessGrid, last, run_local, run_remote
from kits.laws import equal

from flmrcm.errors import SiteFailed
from flmrcm.federation.journal import Journal
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.remote.site_errors import SENTENCES
from flmrcm.reports.collected.score_files import parse_scores

pytestmark = pytest.mark.timeout(900)  # whole runs; a busy machine needs long

SMALL = "fewest_volumes: 1\nfewest_slices: 1\nfewest_steps: 1\n"  # as these sites are
STRATEGIES = ("fl_mr", "fl_mrcm_latent", "scaffold")


@pytest.mark.parametrize("daemon", [False, True], ids=["a process per message", "daemon"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_three_rounds_end_bit_for_bit_where_in_process_ends(
    root, site_files, tmp_path, name, daemon
):
    grid, words = OneProcessGrid(site_files, daemon), [f"strategy={name}"]
    remote = last(run_remote(tmp_path / "remote", grid, *words))
    here = last(run_local(tmp_path / "here", root, *words))
    assert equal(remote.weights, here.weights)
    assert remote.extras.keys() == here.extras.keys()
    assert all(equal(remote.extras[kind], here.extras[kind]) for kind in here.extras)
    assert remote.memory == here.memory


def test_masked_rounds_end_bit_for_bit_where_in_process_ends(root, site_files, tmp_path):
    words = ["strategy=fl_mr", "secure_aggregation=bonawitz", "rounds=2"]
    remote = last(run_remote(tmp_path / "remote", OneProcessGrid(site_files), *words))
    here = last(run_local(tmp_path / "here", root, *words))
    assert equal(remote.weights, here.weights)
    secrets = [p for f in site_files.values() for p in f.parent.rglob("*round_keys*")]
    assert secrets == []


def test_a_run_that_was_cut_goes_on_with_the_sites_own_memory(root, site_files, tmp_path):
    words, grid = ["strategy=scaffold", "test.saved_volumes=0"], OneProcessGrid(site_files)
    run_remote(tmp_path / "cut", grid, *words, "rounds=1")
    cut = run_remote(tmp_path / "cut", grid, *words, "rounds=3", resumes=True)
    straight = run_remote(tmp_path / "straight", grid, *words)
    assert equal(last(cut).weights, last(straight).weights)


def test_steps_are_divided_by_the_facts_of_the_sites(root, site_files, tmp_path):
    words = ["strategy=fl_mr", "budget=steps", "rounds=1"]
    remote = run_remote(tmp_path / "remote", OneProcessGrid(site_files), *words)
    here = run_local(tmp_path / "here", root, *words)
    assert equal(last(remote).weights, last(here).weights)


def scores(folder):
    table = parse_scores(folder.path / "scores.csv")
    return sorted(zip(table["method"], table["site"], table["metric"], table["value"], strict=True))


def test_sites_test_themselves_and_name_no_volume(root, site_files, tmp_path):
    words = ["strategy=fl_mr", "rounds=1"]
    remote = run_remote(tmp_path / "remote", OneProcessGrid(site_files), *words)
    here = run_local(tmp_path / "here", root, *words)
    assert scores(remote) == scores(here)
    assert set(parse_scores(remote.path / "scores.csv")["volume"]) == {
        f"{site}/{number}" for site in site_files for number in ("0000", "0001")
    }
    assert not (remote.path / "reconstructions").exists()
    kept = [*site_files["ixi"].parent.glob("runs/*/reconstructions/ixi/*.h5")]
    assert kept


def test_nothing_that_travels_to_a_site_names_a_path(root, site_files, tmp_path):
    grid = OneProcessGrid(site_files)
    run_remote(tmp_path / "run", grid, "strategy=fl_mr", "rounds=1")
    text = "".join(str(dict(m.content.config_records["head"])) for m in grid.seen)
    from flmrcm.config.travelling import dump_config, select_travelling_config

    assert len(grid.seen) >= 16
    assert str(tmp_path) not in text + dump_config(select_travelling_config(grid.config))
    assert str(Path.home()) not in text + dump_config(select_travelling_config(grid.config))


def test_both_ledgers_hold_the_same_lines(root, site_files, tmp_path):
    def list_ledgers():
        return {*site_files["ixi"].parent.glob(f"runs/*/sites/ixi/{LEDGER}")}

    before = list_ledgers()  # of other runs
    words = ["strategy=fl_mr", "rounds=1"]
    remote = run_remote(tmp_path / "ledgers", OneProcessGrid(site_files), *words)
    own = Ledger(remote.path / LEDGER).read()
    (path,) = list_ledgers() - before
    assert sorted(Ledger(path).read()) == sorted(entry for entry in own if entry.site == "ixi")
    assert {entry.op for entry in own} == {"join", "train", "validate", "test"}


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("absent", "site ixi, round 0: isn't connected (waited 0 s)."),
        ("broken", "site ixi, round 0: Node unavailable (Flower's code 3)"),
    ],
)
def test_a_site_that_cannot_be_reached_ends_the_run_in_one_line(site_files, tmp_path, how, line):
    grid = OneProcessGrid(site_files)
    setattr(grid, how, {"ixi"})
    with pytest.raises(SiteFailed) as failed:
        run_remote(tmp_path / "run", grid, "strategy=fl_mr", "rounds=1")
    assert str(failed.value) == line


def test_with_a_quorum_the_run_goes_on_without_it(site_files, tmp_path):
    grid = OneProcessGrid(site_files)
    grid.absent = {"ixi"}
    words = ["strategy=fl_mr", "rounds=1", "robust.quorum=3"]
    run = run_remote(tmp_path / "run", grid, *words)
    rows = Journal(run.path / "journal.csv").read()
    assert {row.site for row in rows if row.split == "participation"} == {"ixi"}
    assert set(parse_scores(run.path / "scores.csv")["site"]) == {"brats", "fastmri", "hpks"}


def test_a_site_without_reply_fails_after_the_time_out(site_files, tmp_path, monkeypatch):
    grid = OneProcessGrid(site_files)
    answer = grid._answer

    def later_silent(message):
        if message.metadata.message_type == "train":
            grid.silent = {"ixi"}
        return answer(message)

    monkeypatch.setattr(grid, "_answer", later_silent)
    words = ["strategy=fl_mr", "rounds=1", "robust.timeout=0.5", "test.saved_volumes=0"]
    with pytest.raises(SiteFailed, match=r"site ixi, round 0: no reply within 0\.5 s"):
        run_remote(tmp_path / "run", grid, *words)


def test_another_version_is_refused(site_files, tmp_path, monkeypatch):
    monkeypatch.setattr("flmrcm.remote.engine.__version__", "0.0.7")
    with pytest.raises(SiteFailed, match=r"ixi, round 0: it has another version of flmrcm"):
        run_remote(tmp_path / "run", OneProcessGrid(site_files), "strategy=fl_mr")


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        ("strategies: [Scaffold]", "strategy"),
        ("payloads: [metrics]", "payload"),
        ("operations: [join, validate]", "operation"),
        ("largest_learning_rate: 1.0e-9", "learning_rate"),
        ("operations: [train", "policy_file"),
        ("operation: [train]", "policy_file"),
    ],
)
def test_what_a_sites_policy_forbids_is_refused_without_a_path(site_files, tmp_path, policy, kind):
    (tmp_path / "policy.yaml").write_text(f"{SMALL}{policy}")
    site_file = tmp_path / "site.yaml"
    site_file.write_text(f"{site_files['ixi'].read_text()}\npolicy: policy.yaml\n")
    with pytest.raises(SiteFailed) as failed:
        run_remote(
            tmp_path / "run", OneProcessGrid({**site_files, "ixi": site_file}), "strategy=fl_mr"
        )
    assert str(failed.value) == f"site ixi, round 0: {SENTENCES[kind]}"


def test_a_site_that_forbids_tests_is_left_out_of_the_table(site_files, tmp_path):
    (tmp_path / "policy.yaml").write_text(f"{SMALL}operations: [join, survey, train, validate]")
    site_file = tmp_path / "site.yaml"
    site_file.write_text(f"{site_files['ixi'].read_text()}\npolicy: policy.yaml\n")
    grid = OneProcessGrid({**site_files, "ixi": site_file})
    run = run_remote(tmp_path / "run", grid, "strategy=fl_mr", "rounds=1")
    assert set(parse_scores(run.path / "scores.csv")["site"]) == {"brats", "fastmri", "hpks"}
