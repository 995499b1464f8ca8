"""A run known to wandb alone is compared as if its folder were there."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kits.runs_on_disk import write_run

from flmrcm.federation.journal import Journal
from flmrcm.reports.collected.comparable_runs import collect_comparable, list_not_compared
from flmrcm.reports.collected.comparison import compare_runs
from flmrcm.tracking.run_info import describe_training
from flmrcm.tracking.wandb import Wandb


def track(folder: Path) -> Path:
    """Tells wandb of a run as training does; gives wandb's folder."""
    info = describe_training(folder, yaml.safe_load((folder / "config.yaml").read_text()))
    rows = Journal(folder / "journal.csv").read()
    tracker = Wandb(info)
    tracker.start([])
    tracker.log(rows)
    tracker.close(rows, {})
    return next((folder / "wandb").glob("offline-run-*"))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Wandb's folder of a run, copied to where its own folder isn't."""
    own = write_run(tmp_path / "there" / "one", "FL-MRCM", seed=3)
    return shutil.copytree(track(own), tmp_path / "here" / "wandb" / "offline-run-1")


def test_it_reads_the_same_as_the_runs_own_folder(copied: Path, tmp_path: Path) -> None:
    (own,) = collect_comparable([str(tmp_path / "there")], "fastmri").runs
    (seen,) = collect_comparable([str(copied)], "fastmri").runs
    assert (seen.name, seen.seed, seen.config) == (own.name, own.seed, own.config)
    assert seen.environment == own.environment
    pd.testing.assert_frame_equal(seen.scores, own.scores)
    order = list(own.journal.columns)
    pd.testing.assert_frame_equal(
        seen.journal.sort_values(order, ignore_index=True),
        own.journal.sort_values(order, ignore_index=True),
    )
    assert seen.optimizer_steps == own.optimizer_steps


def test_it_stands_beside_runs_with_a_folder(copied: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "other" / "two", "FL-MR")
    found = collect_comparable([str(tmp_path / "other"), str(tmp_path / "here")], "fastmri")
    assert set(compare_runs(found).results["method"]) == {"zero-filled", "FL-MR", "FL-MRCM"}


def test_a_run_and_what_wandb_knows_of_it_count_once(copied: Path, tmp_path: Path) -> None:
    found = collect_comparable([str(tmp_path)], "fastmri")
    assert [run.folder.name for run in found.runs] == ["one"]


def test_a_run_that_was_not_judged_is_unfinished(tmp_path: Path) -> None:
    own = write_run(tmp_path / "there" / "one")
    (own / "scores.csv").unlink()
    write_run(tmp_path / "here" / "two")
    shutil.copytree(track(own), tmp_path / "here" / "offline-run-1")
    (line,) = list_not_compared(collect_comparable([str(tmp_path / "here")], "fastmri"))
    assert line.endswith("offline-run-1: not finished: 2 of 2 rounds, not judged yet")


def test_a_lost_table_is_one_line(copied: Path, tmp_path: Path) -> None:
    next(copied.rglob("*.table.json")).unlink()
    write_run(tmp_path / "other" / "two")
    (line,) = collect_comparable([str(copied), str(tmp_path / "other")], "fastmri").problems
    assert "the table 'scores' is missing or damaged" in line


def test_another_kind_of_run_is_passed_over(copied: Path, tmp_path: Path) -> None:
    from flmrcm.tracking.wandb_compare import ComparisonInfo, log_comparison

    log_comparison(ComparisonInfo(tmp_path / "here" / "compare", "p", "g", [], {"a": 1}, {}, {}))
    assert len(collect_comparable([str(tmp_path / "here")], "fastmri").runs) == 1
