"""Tables about runs: a row for each, only differing settings, a letter for each machine."""

import json
from pathlib import Path

from kits.runs_on_disk import write_run

from flmrcm.reports.collected.finished_runs import Run, read_run
from flmrcm.reports.tables.run_listings import (
    find_common_folder,
    list_differing_settings,
    list_machines,
    list_runs,
)


def runs(tmp_path: Path) -> list[Run]:
    one = write_run(tmp_path / "a" / "one", "FL-MR", seed=1)
    two = write_run(tmp_path / "b" / "two", "FL-MRCM", seed=2, local={"epochs": 3})
    return [read_run(one), read_run(two)]


def test_every_run_has_a_row_named_below_the_folder_they_share(tmp_path: Path) -> None:
    result = runs(tmp_path)
    table = list_runs(result)
    assert find_common_folder(result) == str(tmp_path)
    assert [row[0] for row in table.rows] == ["a/one", "b/two"]
    assert all(len(row) == len(table.heads) for row in table.rows)
    assert "48" in table.rows[0], "12 steps at two sites in two rounds"


def test_only_settings_that_differ_are_shown_missing_ones_too(tmp_path: Path) -> None:
    table = list_differing_settings(runs(tmp_path))
    assert list(table.heads) == ["", "a/one", "b/two"]
    assert [row[0] for row in table.rows] == ["name", "seed", "strategy.name", "local.epochs"]
    assert table.rows[-1] == ["local.epochs", "–", "3"]


def test_where_there_are_more_runs_than_settings_runs_go_down(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / "a" / str(seed), seed=seed) for seed in (1, 2)]
    table = list_differing_settings([read_run(folder) for folder in folders])
    assert (table.heads, table.rows) == (["", "seed"], [["1", "1"], ["2", "2"]])


def test_a_single_run_differs_from_nothing(tmp_path: Path) -> None:
    assert list(list_differing_settings(runs(tmp_path)[:1]).heads) == [""]


def test_runs_of_one_machine_share_a_column(tmp_path: Path) -> None:
    assert list(list_machines(runs(tmp_path)).heads) == ["", "A: 2 runs"]


def test_another_version_is_another_column_and_the_runs_say_which(tmp_path: Path) -> None:
    path = write_run(tmp_path / "c" / "three") / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"packages": {"torch": "2.12.0"}}))
    result = [*runs(tmp_path), read_run(path.parent)]
    assert list(list_machines(result).heads) == ["", "A: 2 runs", "B: 1 run"]
    assert ["torch", "2.13.0", "2.12.0"] in list_machines(result).rows
    assert [row[-1] for row in list_runs(result).rows] == ["A", "A", "B"]


def test_a_run_that_does_not_say_where_it_ran_is_unknown(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a" / "one")
    (folder / "environment.json").unlink()
    assert list_machines([read_run(folder)]).rows == [["", "unknown: no environment.json"]]
