import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import pandas as pd
import pytest
from kits.wandb_offline import read_offline_run

from flmrcm.errors import ConfigErrors
from flmrcm.tracking.run_info import build_key
from flmrcm.tracking.wandb import Wandb
from flmrcm.tracking.wandb_session import end_open_run


def test_a_run_is_read_back_with_all_its_keys(run, rounds, history, tested, panels):
    tracker = Wandb(run)
    tracker.start([])
    for rows in [*rounds, tested[:1], tested[1:]]:
        tracker.log(rows)
    tracker.close([*history, *tested], panels)
    seen = read_offline_run(run.folder)
    assert (seen.name, seen.group, seen.job_type) == (run.name, run.group, run.job_type)
    assert sorted(seen.tags) == sorted(run.tags)
    assert seen.config == {**run.config, **run.facts}
    assert [line["round"] for line in seen.history] == [0, 1, 2, 2]
    panel = seen.history[-1].pop("panels/brats")
    assert (panel["height"], panel["width"]) == (8, 8)
    assert panel["caption"] == "brats/b, slice 4 of 6"
    for line, rows in zip(seen.history, [*rounds, tested], strict=True):
        assert line == {"round": rows[0].round, **{build_key(row): row.value for row in rows}}
    assert seen.summary["best/psnr"] == 31.0
    assert seen.summary["last/psnr"] == 30.0
    assert seen.summary["test/psnr"] == 29.0


def test_the_runs_table_is_grouped_and_sorted_by_what_a_run_was_asked_for_from_its_start_on(run):
    tracker = Wandb(run)
    tracker.start([])
    end_open_run()  # as if it were stopped
    seen = read_offline_run(run.folder)
    for columns in (seen.config, seen.summary):  # wandb groups by the one, and sorts by both
        assert {name: columns[f"run/{name}"] for name in run.traits} == run.traits


def test_scores_and_environment_come_along(run, rounds, tested):
    scores = "method,site,volume,metric,convention,value,slices\nFL,b,b/1,psnr,fastmri,30.1,8\n"
    run.folder.mkdir(parents=True)
    (run.folder / "scores.csv").write_text(scores)
    (run.folder / "environment.json").write_text('{"packages": {"torch": "2.13.0"}}')
    tracker = Wandb(run)
    tracker.start([])
    tracker.close(tested, {})
    seen = read_offline_run(run.folder)
    assert seen.read_table("scores").to_csv(index=False) == scores
    assert seen.config["environment"] == {"packages": {"torch": "2.13.0"}}


def test_no_row_of_a_long_table_is_lost(run, tested):
    run.folder.mkdir(parents=True)
    long = pd.DataFrame({"volume": range(12_000), "value": 1.5})
    long.to_csv(run.folder / "scores.csv", index=False)
    tracker = Wandb(run)
    tracker.start([])
    tracker.close(tested, {})
    assert len(read_offline_run(run.folder).read_table("scores")) == 12_000


def test_a_resumed_run_shows_as_one_run_with_each_round_once(run, rounds, history):
    broken_off = Wandb(run)
    broken_off.start([])
    broken_off.log(rounds[0])
    broken_off.log(rounds[1])
    resumed = Wandb(run)
    resumed.start(rounds[0])
    resumed.log(rounds[1])
    resumed.log(rounds[2])
    resumed.close(history, {})
    assert [line["round"] for line in read_offline_run(run.folder).history] == [0, 1, 2]


def test_a_run_keeps_its_id_however_often_it_goes_on(run, rounds):
    ids = set()
    for n_known in range(3):
        tracker = Wandb(run)
        known = [row for rows in rounds[:n_known] for row in rows]
        tracker.start(known)
        tracker.close(known, {})
        ids.add(read_offline_run(run.folder).id)
    assert len(ids) == 1


def test_a_killed_run_goes_on_as_one_run(run, rounds, history):
    code = """
import os, sys
from pathlib import Path
from flmrcm.tracking.run_info import RunInfo
from flmrcm.tracking.wandb import Wandb
from flmrcm.types import Measurement
tracker = Wandb(RunInfo(Path(sys.argv[1]), "name", "demo", "train", [], {}))
tracker.start([])
tracker.log([Measurement(0, "train", "brats", "loss", "", 9.0)])
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code, str(run.folder)]).returncode == -9
    assert list(run.folder.rglob("run-*.wandb"))
    tracker = Wandb(run)
    tracker.start(rounds[0])
    tracker.log(rounds[1])
    tracker.close(history, {})
    assert [line["round"] for line in read_offline_run(run.folder).history] == [0, 1]


def test_a_run_that_an_older_version_called_otherwise_goes_on_as_the_same_run(run):
    ids = set()
    for name in (run.folder.name, run.name):
        Wandb(replace(run, name=name)).start([])
        end_open_run()
        ids.add(read_offline_run(run.folder).id)
    assert ids == {sha256(b"demo/2026-01-02_03-04-05_ab12").hexdigest()[:12]}


def test_where_wandbs_process_dies_this_run_goes_on_and_the_next_has_wandb_again(run, tmp_path):
    code = """
import os, sys
from pathlib import Path
from flmrcm.tracking.run_info import RunInfo
from flmrcm.tracking.scalars import Scalars
from flmrcm.tracking.wandb import Wandb
from flmrcm.tracking.window import Window
from flmrcm.types import Measurement
rows = [Measurement(0, "val", "ixi", "psnr", "fastmri", 9.0)]
def begin(folder):
    tracker = Wandb(RunInfo(Path(folder), "name", "demo", "train", [], {}))
    window = Window("logger.wandb", tracker, Scalars("few", ["ixi"], None, {"psnr": True}))
    window.start([])
    return window
first = begin(sys.argv[1])
children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
for number in children:
    assert b"wandb" in Path(f"/proc/{number}/cmdline").read_bytes()
    os.kill(int(number), 9)
    os.waitpid(int(number), 0)
first.log(rows)
first.close(rows, {})
second = begin(sys.argv[2])
second.log(rows)
second.close(rows, {})
print(len(children))
"""
    command = [sys.executable, "-c", code, str(run.folder), str(tmp_path / "next")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert done.stderr.count("logger.wandb: ") == 1
    assert len(read_offline_run(tmp_path / "next").history) == 1


def test_runs_in_different_folders_are_different_runs(run, tmp_path):
    ids = set()
    for name in ("first", "second"):
        other = type(run)(tmp_path / name, name, run.group, run.job_type, run.tags, run.config)
        tracker = Wandb(other)
        tracker.start([])
        tracker.close([], {})
        ids.add(read_offline_run(other.folder).id)
    assert len(ids) == 2


def test_nothing_is_printed(run, rounds, panels, capfd):
    tracker = Wandb(run)
    tracker.start([])
    tracker.log(rounds[0])
    tracker.close(rounds[0], panels)
    assert capfd.readouterr() == ("", "")


def test_disabled_writes_nothing(run, rounds, panels):
    tracker = Wandb(run, mode="disabled")
    tracker.start([])
    tracker.log(rounds[0])
    tracker.close(rounds[0], panels)
    assert not list(run.folder.rglob("*.wandb"))


def test_an_unknown_mode_names_the_nearest(run):
    with pytest.raises(ConfigErrors, match=r"logger\.wandb\.mode=ofline.*'offline'"):
        Wandb(run, mode="ofline")


def test_online_without_a_login_says_how_to_go_on(run, capfd):
    with pytest.raises(ConfigErrors, match=r"wandb login.*logger\.wandb\.mode=offline"):
        Wandb(run, mode="online")
    assert capfd.readouterr() == ("", "")


def test_wandb_is_only_imported_when_it_is_used():
    code = "import sys, flmrcm.tracking.wandb, flmrcm.tracking.wandb; "
    code += "sys.exit('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
