"""Every run at a glance: whatever became of it, it is listed."""

import os

import pytest
from kits.runs_on_disk import write_run

from flmrcm.errors import FlmrcmError
from flmrcm.files import hold_lock
from flmrcm.reports.collected.run_overview import list_overviews, read_overview


def test_a_finished_run_has_the_psnr_of_its_test(tmp_path):
    with (write_run(tmp_path / "a") / "journal.csv").open("a") as journal:
        journal.write("1,test,sim_b,psnr,fastmri,31\n1,test,sim_h,psnr,fastmri,33\n")
    run = read_overview(tmp_path / "a")
    assert (run.state, run.method, run.target, run.seed) == ("done", "FL-MR", "sim_h", 1)
    assert (run.psnr, run.is_tested, run.rounds) == (32.0, True, (2, 2))


def test_a_stopped_run_has_that_of_its_last_validation(tmp_path):
    (write_run(tmp_path / "a", psnr=30.0) / "done").unlink()
    run = read_overview(tmp_path / "a")
    assert (run.state, run.psnr, run.is_tested) == ("stopped", 31.0, False)


@pytest.mark.parametrize("tested", [["sim_b"], ["sim_b", "sim_h"]])
def test_a_test_that_may_have_been_cut_off_is_not_shown(tmp_path, tested):
    folder = write_run(tmp_path / "a", psnr=30.0)
    (folder / "done").unlink()
    with (folder / "journal.csv").open("a") as journal:
        journal.writelines(f"1,test,{site},psnr,fastmri,40\n" for site in tested)
    run = read_overview(folder)
    assert (run.psnr, run.is_tested) == (31.0, False)


def test_a_failed_run_says_why(tmp_path):
    folder = write_run(tmp_path / "a")
    (folder / "done").unlink()
    (folder / "failed").write_text("sim_b: no such folder\n")
    run = read_overview(folder)
    assert (run.state, run.reason) == ("failed", "sim_b: no such folder")


def test_a_run_whose_lock_is_held_is_running(tmp_path):
    folder = write_run(tmp_path / "a")
    (folder / "done").unlink()
    with hold_lock(folder / ".lock", RuntimeError()):
        assert read_overview(folder).state == "running"
    assert read_overview(folder).state == "stopped"


@pytest.mark.parametrize("name", ["config.yaml", "journal.csv", "environment.json"])
def test_a_damaged_run_is_listed_and_hides_no_other(tmp_path, name):
    write_run(tmp_path / "a")
    (write_run(tmp_path / "b") / name).write_text("[1,\n2\n")
    whole, damaged = list_overviews([tmp_path])
    assert (whole.state, damaged.state) == ("done", "damaged")
    assert name in damaged.reason


def test_a_run_that_has_begun_has_no_psnr(tmp_path):
    folder = write_run(tmp_path / "a")
    for gone in ("done", "journal.csv"):
        (folder / gone).unlink()
    run = read_overview(folder)
    assert (run.psnr, run.rounds) == (None, (0, 2))


def test_a_run_that_is_linked_counts_once(tmp_path):
    write_run(tmp_path / "a")
    (tmp_path / "b").symlink_to("a")
    assert len(list_overviews([tmp_path])) == 1


def test_an_evaluation_is_no_run(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", evaluate={"checkpoint": "a/checkpoints/last.pt"})
    assert [run.folder.name for run in list_overviews([tmp_path])] == ["a"]


def test_another_config_is_no_damaged_reading(tmp_path):
    (tmp_path / "config.yaml").write_text("name: mine\n")
    run = read_overview(tmp_path)
    assert (run.state, run.method, run.psnr) == ("damaged", None, None)


def test_the_age_is_that_of_the_newest_mark(tmp_path):
    folder = write_run(tmp_path / "a")
    for number, name in enumerate(("config.yaml", "journal.csv", "done")):
        os.utime(folder / name, (number, number))
    assert read_overview(folder).changed == 2.0


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(FlmrcmError, match="no run below"):
        list_overviews([tmp_path])
