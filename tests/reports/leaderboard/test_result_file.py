"""A file of results: whole, small, and refused where it isn't what its protocol says."""

import json

import pandas as pd
import pytest
from kits.benchmark import make_result, make_scores, read_tiny

from flmrcm.config.benchmark import Cell, read_protocol
from flmrcm.errors import DataLayoutError
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.leaderboard.result_file import (
    PLACES,
    read_benchmark,
    read_result,
    read_results,
    tabulate_scores,
)
from flmrcm.runs.benchmark.data import list_tested

TINY = read_tiny()
TESTED = list_tested(TINY)
CELL = Cell("participating", "t1_single", "sim_h", 1)


@pytest.fixture
def path(tmp_path):
    make_result(TINY).write(tmp_path / "fl_mr-unet.csv")
    return tmp_path / "fl_mr-unet.csv"


def read(path):
    return read_result(path, TINY, TESTED)


def test_what_is_written_is_read(path):
    made, found = make_result(TINY), read(path)
    assert (found.about, found.runs) == (made.about, made.runs)
    one, other = (r.scores.sort_values(PLACES).reset_index(drop=True) for r in (made, found))
    pd.testing.assert_frame_equal(one, other, rtol=1e-5)
    assert read_benchmark(path) == "tiny"


def test_pandas_reads_the_table_as_its_page_says(path):
    assert len(pd.read_csv(path, comment="#")) == len(read(path).scores) == 2 * 12 + 1 + 2 * 6


def test_a_score_of_infinity_is_none(path):
    lines = path.read_text().splitlines()
    lines[-1] = ",".join([*lines[-1].split(",")[:7], "inf", "0.8"])
    path.write_text("\n".join(lines))
    assert int(read(path).scores["psnr"].isna().sum()) == 1


def test_a_run_added_again_replaces_the_first(path):
    result = make_result(TINY)
    again = result.add(CELL, result.runs[CELL], make_scores(TINY, CELL, 1.0))
    assert len(again.scores) == len(result.scores)
    again.write(path)
    gained = read(path).scores.merge(result.scores, on=PLACES)
    gained = (gained["psnr_x"] - gained["psnr_y"]).groupby(gained["task"]).mean().round(3)
    assert gained.to_dict() == {
        "participating": 1, "acceleration_shift": 0, "real_head": 0, "unseen": 0, "few_shot": 0
    }  # fmt: skip


def test_a_method_of_v1_stays_below_300_kb(tmp_path):
    v1 = read_protocol("v1")
    make_result(v1, machine="x" * 80).write(tmp_path / "whole.csv")
    assert (tmp_path / "whole.csv").stat().st_size < 200_000  # two more columns fit
    assert len(read_result(tmp_path / "whole.csv", v1, list_tested(v1)).runs) == 30


def test_scores_become_a_row_for_each_volume_that_is_judged():
    rows = [
        (method, site, f"{site}/v{n}", metric, convention, value + n / 3, 2)
        for method, value in (("FL-MR", 25.0), (ZERO_FILLED, 20.0))
        for site in ("sim_b", "sim_h")
        for n in (0, 1)
        for metric in ("psnr", "ssim")
        for convention in ("fastmri", "published")
    ]
    columns = ["method", "site", "volume", "metric", "convention", "value", "slices"]
    scores = pd.DataFrame(rows, columns=columns)
    table = tabulate_scores(CELL, scores, TINY)
    assert [*table] == [*PLACES, "zero_filled_psnr", "psnr", "ssim"]
    assert table.iloc[1].tolist() == [*CELL, "sim_b", "v1", 20.3333, 25.3333, 25.3333]
    assert len(table) == 4
    unseen = Cell("unseen", "t1_single", "sim_b", 1)
    assert set(tabulate_scores(unseen, scores, TINY)["site"]) == {"sim_b"}


def edit(path, number, **changes):
    """Changes keys of the line of JSON with that number."""
    lines = path.read_text().splitlines()
    note = json.loads(lines[number][1:]) | changes
    lines[number] = "# " + json.dumps(note)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("number", "changes", "said"),
    [
        (0, {"protocol": "0" * 64}, "of tiny with the digest 000000000000"),
        (0, {"benchmark": "v1"}, "of v1 with"),
        (0, {"model": "vit"}, "its model is none of unet"),
        (0, {"name": "<script>"}, "name: String should match"),
        (0, {"method": "a|b"}, "method: String should match"),
        (0, {"strategy": "flmrcm.x"}, "strategy: Input should be a valid dictionary"),
        (0, {"more": 1}, "more: Extra inputs"),
        (1, {"run": ["participating", "t1_single", "sim_h", 7]}, "is no run of it"),
        (1, {"run": [[1], 2]}, "not results of tiny"),
        (1, {"steps": -1}, "steps: Input should be greater"),
        (1, {"seconds": float("nan")}, "seconds: Input should be a finite number"),
        (1, {"machine": "a | b"}, "machine: String should match"),
        (1, {"data": "[x](http://y)"}, "data: String should match"),
    ],
)
def test_a_line_about_it_that_says_something_else_is_refused(path, number, changes, said):
    edit(path, number, **changes)
    with pytest.raises(DataLayoutError) as caught:
        read(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("sim_b_test_000,", "sim_b_test_999,", "has other volumes"),
        ("sim_b_test_001,", "sim_b_test_000,", "has other volumes"),
        ("ing,t1_single,sim_h,1,sim_b,", "ing,t1_single,sim_x,1,sim_b,", "has other volumes"),
        ("volume,zero", "volum,zero", "its table doesn't begin with task"),
        (",psnr,", ",ps nr,", "its table doesn't"),
        (",0.8\n", ",high\n", "could not convert"),
        ("# {\"run\"", "# {\"ran\"", "run"),
        ("# {\"benchmark\"", "# benchmark", "not results of tiny"),
    ],
)  # fmt: skip
def test_a_table_of_something_else_is_refused(path, before, after, said):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(DataLayoutError) as caught:
        read(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"# 3\n", b"x" * 2_000_001])
def test_anything_else_is_one_line(path, content):
    path.write_bytes(content)
    for reading in (read, read_benchmark):
        with pytest.raises(DataLayoutError, match="fl_mr-unet"):
            reading(path)


def test_a_score_that_is_not_finite_stays_one(path):
    path.write_text(path.read_text().replace(",0.8\n", ",\n", 1))
    assert read(path).scores["ssim"].isna().sum() == 1


def test_a_damaged_file_is_named_and_the_others_are_read(path):
    path.with_name("broken.csv").write_text("")
    results, problems = read_results(path.parent, TINY, TESTED)
    assert [*results] == [path]
    assert "broken.csv" in problems[0]
