"""Tables in the terminal: they fit, and nothing is lost for it."""

import re

import pandas as pd
import pytest
from kits.reports import comparison_below, score_rows, write_run
from rich.console import Console

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.numbers.score_cells import ALL_SITES
from flmrcm.reports.numbers.summary import summarise_sections
from flmrcm.reports.tables.report_tables import ReportCell, ReportTable
from flmrcm.reports.tables.terminal import (
    build_run_table,
    build_score_table,
    format_for_terminal,
    format_section,
)


def printed(*parts, width=100, styled=False):
    console = Console(width=width, force_terminal=styled, highlight=False)
    with console.capture() as captured:
        console.print(*parts)
    return captured.get()


def table(n_columns, n_names=1, name="method", text="25.67", small="±0.0123 (0.0005)"):
    heads = [ReportCell("name")] * n_names + [ReportCell(f"site_{i}") for i in range(n_columns)]
    row = [ReportCell(name)] * n_names + [ReportCell(text, small)] * n_columns
    return ReportTable("PSNR", heads, [row], n_names)


def section(folder, sites=4, methods=("FL-MR", "FL-MRCM"), **options):
    for k, method in enumerate(methods):
        for seed in (1, 2):
            values = {f"sim_{i}": [0.5 + 0.1 * k + 0.01 * v * seed for v in range(8)]
                      for i in range(sites)}  # fmt: skip
            write_run(folder / f"{k}{seed}", method, values, seed=seed)
    (result,) = summarise_sections(comparison_below(folder))
    return format_section(result, **options)


def test_four_sites_fit_a_hundred_columns_in_one_part(tmp_path):
    text = printed(section(tmp_path, metrics=["psnr"]), width=100)
    assert "continued" not in text
    assert "…" not in text
    heads = next(line for line in text.splitlines() if "sim_0" in line)
    assert all(f"sim_{i}" in heads for i in range(4))


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("columns", [1, 5, 9])
def test_every_column_is_shown_once_and_no_line_is_too_long(width, columns):
    text = printed(*format_for_terminal(table(columns), width), width=width)
    assert [text.count(f"site_{i}") for i in range(columns)] == [1] * columns
    assert text.count("±0.0123 (0.0005)") == columns
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [50, 80])
def test_a_long_name_in_one_word_is_broken_not_cut(width):
    name = "FedAvg_" + "x" * 60
    text = printed(*format_for_terminal(table(3, name=name), width), width=width)
    assert "…" not in text
    assert text.count("x") % 60 == 0
    assert text.count("x") > 0


def test_parts_are_about_equal():
    parts = list(format_for_terminal(table(6), 90))
    assert [len(part.columns) for part in parts] == [4, 4]
    assert "continued" in printed(parts[1])


def test_long_names_are_broken_and_numbers_are_not():
    long = "FL-MRCM (local.epochs=1, strategy.weight=0.5, mask.seed=3 and 2 more)"
    text = printed(*format_for_terminal(table(4, name=long)))
    assert all(word in text for word in long.split())
    assert text.count("±0.0123 (0.0005)") == 4


def test_a_column_wider_than_the_terminal_is_still_shown():
    assert len(list(format_for_terminal(table(3), 10))) == 3


def test_the_best_is_bold_and_the_second_underlined():
    heads = [ReportCell("method"), ReportCell("site")]
    rows = [[ReportCell(f"rank {rank}"), ReportCell("7.00", "", rank)] for rank in (2, 1, 0)]
    text = printed(*format_for_terminal(ReportTable("", heads, rows, 1)), styled=True)
    assert re.findall(r"rank \d +(.*)", text) == [
        "\x1b[4m7.00\x1b[0m",
        "\x1b[1m7.00\x1b[0m",
        "7.00",
    ]


def test_a_section_tells_how_to_read_it_and_tests_the_first_metric(tmp_path):
    text = " ".join(printed(section(tmp_path, metrics=["ssim", "psnr"])).split())
    assert text.index("SSIM, higher") < text.index("PSNR (dB), higher")
    assert "SSIM against FL-MR, higher" in text
    assert "in brackets sd over 2 seeds; convention fastmri; best bold" in text
    assert "Wilcoxon signed-rank" in text
    assert "NMSE" not in text


def test_brackets_in_names_are_no_styles(tmp_path):
    text = printed(section(tmp_path, methods=("FL-MR", "x [bold]y")))
    assert "x [bold]y" in text


def single():
    values = {"south": [20.0, 22.0], "north": [30.0]}
    start = {site: [10.0] * len(of_site) for site, of_site in values.items()}
    return pd.concat([score_rows("FL", values), score_rows(ZERO_FILLED, start)])


def test_one_run_ends_with_a_small_table_in_the_order_it_was_tested():
    text = printed(build_score_table(single()))
    assert text.index("south") < text.index("north")
    assert text.index(ZERO_FILLED) < text.index("FL")
    assert "2 vol." in text
    assert "21.00" in text
    assert "21.0000" in text
    assert ALL_SITES not in text


def test_one_run_marks_the_best_by_metric():
    text = printed(build_score_table(single()), styled=True)
    psnr, nmse = text.split("SSIM")[0], text.split("NMSE")[1]
    assert re.findall(r"\x1b\[1m *(\d+\.\d+)", psnr) == ["21.00", "30.00", "21.00"]
    assert re.findall(r"\x1b\[1m *(\d+\.\d+)", nmse) == ["10.0000", "10.0000", "10.0000"]


def test_a_run_shows_its_own_metrics_as_it_says(tmp_path):
    described = {"hfen": {"title": "HFEN", "digits": 1, "higher_is_better": False}}
    values = {"north": [20.0]}
    folder = write_run(
        tmp_path / "a", values=values, metrics=["hfen", "psnr", "odd"], described=described
    )
    text = printed(build_run_table(folder), styled=True)
    assert text.index("PSNR (dB)") < text.index("HFEN") < text.index("odd")
    hfen, odd = text.split("HFEN")[1].split("odd")
    assert re.findall(r"\x1b\[1m *(\d+\.\d+)", hfen) == ["10.0"], "the lower is better"
    assert "10.0000" in odd
    assert "\x1b[1m" not in odd


def test_a_run_says_which_weights_gave_its_scores(tmp_path):
    weights = dict.fromkeys(("north", "south"), "its own")
    folder = write_run(tmp_path / "a", values={"north": [1.0], "south": [2.0]}, tested_with=weights)
    assert printed(build_run_table(folder)).endswith("north, south: tested with its own\n")


def test_one_run_says_which_scores_are_not_finite():
    scores = single()
    scores.loc[(scores["method"] == "FL") & (scores["volume"] == "south/0"), "value"] = float("nan")
    text = printed(build_score_table(scores))
    assert text.count("not finite") == 3 * 3  # the site, which is the worst, and the spread
    assert "nan" not in text


def test_a_site_that_was_not_tested_by_all_leaves_a_dash():
    scores = pd.concat([single(), score_rows("other", {"north": [1.0]})])
    assert "–" in printed(build_score_table(scores))


def test_one_run_tells_the_worst_site_and_the_spread_where_they_fit():
    assert "21.00 south" in printed(build_score_table(single()))
    many = {f"hospital_{i}": [20.0 + i] for i in range(6)}
    start = {site: [10.0] for site in many}
    wide = pd.concat([score_rows("FL", many), score_rows(ZERO_FILLED, start)])
    assert "worst" not in printed(build_score_table(wide), width=200)


def test_a_run_tells_what_sites_trained_for_themselves(tmp_path):
    folder = write_run(
        tmp_path / "a",
        values={"north": [1.0]},
        tested_with={"north": "its personal weights"},
        personal_training={"north": {"steps": 20, "volumes": 2}},
    )
    said = "north: tested with its personal weights (20 steps, 2 volumes)\n"
    assert printed(build_run_table(folder)).endswith(said)


def test_a_comparison_marks_what_was_personal_and_what_it_took(tmp_path):
    values = {"north": [20.0, 21.0], "south": [30.0, 32.0]}
    cost = {"north": {"steps": 20, "volumes": 2}}
    write_run(tmp_path / "a", "tuned", values, own=["north"], personal_training=cost)
    write_run(tmp_path / "b", "FL-MR", values)
    (summary,) = summarise_sections(comparison_below(tmp_path))
    text = printed(format_section(summary, 100, ["psnr"]))
    assert re.search(r"tuned +20.50 ", text)
    assert re.search(r"\+20 steps, 2 vol\. +P ±0\.71 +±1\.41 +P\+G +north P", text)
    assert "P: with a site's own (personal or private) weights" in " ".join(text.split())
    assert "north  tuned P " in text
    assert "south  tuned " in text


def test_a_run_says_what_it_spent_of_privacy(tmp_path):
    spent = dict.fromkeys(("north", "south"), "ε=3 at δ=0.01 of each volume")
    folder = write_run(tmp_path / "a", values={"north": [1.0], "south": [2.0]}, spent=spent)
    assert printed(build_run_table(folder)).endswith(f"north, south: {spent['north']}\n")
