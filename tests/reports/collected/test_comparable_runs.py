"""Each run counts once; one that can't be compared is a line, and the others are compared."""

from pathlib import Path

import pytest
from kits.runs_on_disk import write_run

from flmrcm.errors import FlmrcmError
from flmrcm.reports.collected.comparable_runs import (
    collect_comparable,
    list_not_compared,
    match_folders,
)


def folders(collection):
    return [run.folder.name for run in collection.runs]


@pytest.fixture
def two(tmp_path: Path) -> Path:
    write_run(tmp_path / "pair" / "one", "FL-MR")
    write_run(tmp_path / "pair" / "two", "FL-MRCM")
    return tmp_path / "pair"


def test_a_folder_a_pattern_and_the_run_itself_give_the_run_once(two: Path) -> None:
    result = collect_comparable([str(two), f"{two}/o*", str(two / "one")], "fastmri")
    assert folders(result) == ["one", "two"]
    assert list_not_compared(result) == []


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    write_run(tmp_path / "a[1]" / "one")
    assert folders(collect_comparable([f"{tmp_path}/a[1]"], "fastmri")) == ["one"]


def test_nothing_there_and_nothing_in_it_are_two_lines_and_the_rest_is_compared(
    two: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = collect_comparable(
        [str(tmp_path / "nowhere"), str(tmp_path / "empty"), str(two)], "fastmri"
    )
    assert folders(result) == ["one", "two"]
    first, second = result.problems
    assert first.endswith("nowhere: there's no such folder.")
    assert "empty: no run below" in second


def test_a_truncated_table_is_one_line(two: Path) -> None:
    path = two / "one" / "scores.csv"
    path.write_bytes(path.read_bytes()[:-20])
    result = collect_comparable([str(two)], "fastmri")
    assert folders(result) == ["two"]
    assert len(result.problems) == 1
    assert "scores.csv: cut short" in result.problems[0]


SCORES = "method,site,volume,metric,convention,value,slices\n"
ROUNDS = "round,split,site,metric,convention,value\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("journal.csv", "rub\nbish\n", "line 1: it isn't round,split"),
        ("journal.csv", f"{ROUNDS}0,train,a,loss,,1\n0,train,a\n", "line 3: 3 fields, not 6"),
        ("journal.csv", f"{ROUNDS}0,train,a,loss,,lost\n", "line 2: could not convert"),
        ("journal.csv", f"{ROUNDS}first,train,a,loss,,1\n", "line 2: invalid literal"),
        ("journal.csv", f'{ROUNDS}0,train,"a,loss,,1\n0,train,a,loss,,1\n', "line 2: 3 fields"),
        ("journal.csv", f"{ROUNDS}0,train,\xff,loss,,1\n", "line 2: it isn't text in UTF-8"),
        ("scores.csv", f"{SCORES}FL-MR,a,a/0,psnr,fastmri,30,4\nFL-MR,a,a/1,psnr,fastmri,b,4\n",
         "line 3: could not convert string to float: 'b'"),
        ("scores.csv", f"{SCORES}FL-MR,a,a/0,psnr,fastmri,,4\n", "line 2: could not convert"),
        ("scores.csv", f"{SCORES}FL-MR,a,a/0,psnr,fastmri,30,four\n", "line 2: invalid literal"),
        ("scores.csv", f"{SCORES}FL-MR,,a/0,psnr,fastmri,30,4\n", "line 2: no site"),
        ("environment.json", "rub\nbish\n", "not readable (Expecting value: line 1"),
        ("environment.json", "[]", "not the environment of a run"),
        ("metrics.json", '{"hfen": {"digits": -1}}', "hfen: digits is a number from 0 to 12"),
        ("config.yaml", "strategy:\n  name: [a\n", "line 3: not readable"),
        ("config.yaml", "strategy: {name: FL-MR}\nmask: 4\n", "damaged (TypeError"),
        ("config.yaml", "strategy: {name: FL-MR}\nparticipants: 4\nmask: {accelerations: [4]}\n",
         "damaged (TypeError"),
        ("config.yaml", "strategy: {name: FL-MR}\n", "it lacks 'mask'"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_with_its_line_and_costs_its_run(two, name, text, said) -> None:
    (two / "one" / name).write_text(text, encoding="latin-1")
    result = collect_comparable([str(two)], "fastmri")
    assert folders(result) == ["two"]
    (problem,) = result.problems
    assert problem.startswith(str(two / "one" / name))
    assert said in problem
    assert problem.endswith("The run is left out.")
    assert "\n" not in problem


def test_a_damaged_file_of_an_unfinished_run_is_named_too(two: Path) -> None:
    (two / "one" / "done").unlink()
    (two / "one" / "journal.csv").write_text(f"{ROUNDS}0,train\n")
    result = collect_comparable([str(two)], "fastmri")
    (line,) = list_not_compared(result)
    assert "one/journal.csv, line 2: 2 fields, not 6" in line


def test_an_unfinished_run_is_told_apart_from_a_damaged_one(two: Path) -> None:
    (two / "one" / "done").unlink()
    result = collect_comparable([str(two)], "fastmri")
    assert folders(result) == ["two"]
    assert result.problems == []
    assert "2 of 2 rounds" in list_not_compared(result)[0]


def test_a_run_without_the_convention_is_left_out_and_said_how_to_see_it(two: Path) -> None:
    write_run(two / "old", conventions=["slice_max", "published"])
    result = collect_comparable([str(two)], "fastmri")
    assert folders(result) == ["one", "two"]
    assert "hold the conventions published, slice_max, not fastmri" in result.problems[0]
    assert "--convention published" in result.problems[0]


def test_where_nothing_is_left_every_reason_is_told(two: Path) -> None:
    (two / "one" / "done").unlink()
    (two / "two" / "scores.csv").unlink()
    with pytest.raises(FlmrcmError) as error:
        collect_comparable([str(two), "nowhere"], "fastmri")
    text = str(error.value)
    assert all(
        word in text for word in ("not finished", "scores.csv", "nowhere", "no finished run")
    )


def test_matching_folders_come_in_the_order_asked(two: Path) -> None:
    assert [path.name for path in match_folders([f"{two}/two", f"{two}/*"])] == [
        "two",
        "one",
        "two",
    ]


def test_whoever_watches_sees_every_run(two: Path) -> None:
    seen: list[Path] = []
    collect_comparable([str(two)], "fastmri", lambda result: seen.extend(result) or result)
    assert [path.name for path in seen] == ["one", "two"]
