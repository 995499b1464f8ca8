"""Numbers as words: as many digits as mean something, no spread where there is none."""

import pytest
from kits.reports import comparison_below, write_run

from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.score_cells import ALL_SITES, ScoreCell
from flmrcm.reports.numbers.score_matrix import ScoreMatrix
from flmrcm.reports.numbers.summary import summarise_sections
from flmrcm.reports.tables import report_tables
from flmrcm.reports.tables.report_tables import MISSING_CELL, build_matrix_table, describe_matrices

NAN = float("nan")


def matrix(cells, metric="psnr", sites=("north",)):
    methods = list(dict.fromkeys(method for method, _ in cells))
    return ScoreMatrix("all runs", metric_info(metric), "fastmri", sites, methods, cells)


def entry(cell, metric="psnr"):
    return build_matrix_table(matrix({("FL", "north"): cell}, metric)).rows[0][1]


@pytest.mark.parametrize(
    ("cell", "metric", "text", "small"),
    [
        (ScoreCell(34.567, 1.234, 8, 0.056, 3), "psnr", "34.57", "±1.23 (0.06)"),
        (ScoreCell(0.85671, 0.0123, 8, 0.00051, 3), "ssim", "0.8567", "±0.0123 (0.0005)"),
        (ScoreCell(0.02, 0.001, 8, NAN, 1), "nmse", "0.0200", "±0.0010"),
        (ScoreCell(34.5, NAN, 1, NAN, 1), "psnr", "34.50", ""),
        (ScoreCell(34.5, NAN, 16, 0.5, 2), "psnr", "34.50", "(0.50)"),
    ],
)
def test_a_cell_shows_its_mean_and_the_spreads_there_are(cell, metric, text, small):
    assert entry(cell, metric)[:2] == (text, small)


def test_a_cell_keeps_its_rank_and_a_missing_one_is_a_dash():
    cells = {
        ("a", "north"): ScoreCell(1.0, 1.0, 2, 1.0, 2, rank=2),
        ("b", "south"): ScoreCell(1, 1, 2, 1, 2),
    }
    first, second = build_matrix_table(matrix(cells, sites=("north", "south"))).rows
    assert (first[1].rank, first[2].text, second[1].text) == (2, MISSING_CELL, MISSING_CELL)


def test_heads_count_volumes_but_not_those_of_all_sites():
    cells = {
        ("a", "north"): ScoreCell(1, 1, 8, 1, 1), ("b", "north"): ScoreCell(1, 1, 7, 1, 1),
        ("a", "south"): ScoreCell(1, 1, 1, 1, 1), ("a", ALL_SITES): ScoreCell(1, 1, 9, 1, 1),
    }  # fmt: skip
    heads = build_matrix_table(matrix(cells, sites=("north", "south", ALL_SITES))).heads
    assert [head.small for head in heads] == ["", "7–8 volumes", "1 volume", ""]


@pytest.mark.parametrize(
    ("seeds", "rank", "said"),
    [
        ((1, 1), 0, ", one seed; convention fastmri."),
        ((3, 3), 1, "sd over 3 seeds; convention fastmri; best bold, second underlined."),
        ((1, 3), 0, "in brackets sd over 1–3 seeds; convention fastmri."),
    ],
)  # fmt: skip
def test_the_legend_says_what_stands_there(seeds, rank, said):
    cells = {
        (name, "north"): ScoreCell(1, 1, 8, 1, n, rank) for name, n in zip("ab", seeds, strict=True)
    }
    assert describe_matrices([matrix({}), matrix(cells)]).endswith(said)


def test_a_row_of_tests_has_signs_an_interval_and_its_p(tmp_path):
    for name, shift in (("FL-MR", 0), ("FL-MRCM", -0.5)):
        values = [20 + i + shift * (i + 1) for i in range(8)]
        write_run(tmp_path / name, name, {"north": values, "south": values})
    (result,) = summarise_sections(comparison_below(tmp_path))
    table = report_tables.build_tests_table(result.tests[0])
    site, method, n, difference, interval, effect, *ps = (entry.text for entry in table.rows[0])
    assert (site, method, n, difference, effect) == ("north", "FL-MRCM", "8", "−2.25", "−1.00")
    assert interval.startswith("[−")
    assert ps == ["0.008", "0.016", "0.008"]
    assert table.title == "PSNR (dB) against FL-MR, higher is better"


def test_the_legend_tells_of_a_spread_over_seeds_only_where_one_is_shown():
    # zero-filled images come from the runs of both seeds, but depend on none
    cells = {
        ("zero-filled", "north"): ScoreCell(20.0, 1.0, 8, NAN, 2),
        ("a", "north"): ScoreCell(30.0, 1.0, 8, NAN, 1),
        ("b", "north"): ScoreCell(31.0, 1.0, 8, NAN, 1),
    }
    assert ", one seed;" in describe_matrices([matrix(cells)])
