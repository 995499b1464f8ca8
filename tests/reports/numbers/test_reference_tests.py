"""Every method against the reference: paired by volume, refused in words, corrected together."""

import pandas as pd
import pytest
from kits.reports import comparison_below, comparison_of, write_run

from flmrcm.errors import ConfigErrors
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.reference_tests import (
    choose_reference,
    pair_methods,
    run_reference_tests,
)

LESIONS = {"lesion": {"title": "Lesion", "higher_is_better": True, "in_every_volume": False}}


def volumes(shift=0.0, n=8):
    return {site: [20 + shift * (1 + i) + i for i in range(n)] for site in ("north", "south")}


def made(comparison, reference="FL-MR"):
    pairings = pair_methods(reference, comparison.sections[0])
    return run_reference_tests(comparison.sections[0], metric_info("psnr"), reference, pairings)


@pytest.fixture
def three(tmp_path):
    for name, shift in (("FL-MR", 0.0), ("better", 0.3), ("worse", -0.3)):
        write_run(tmp_path / name, name, volumes(shift))
    return tmp_path


def test_every_other_method_is_tested_at_every_site(three):
    result = made(comparison_below(three))
    assert list(result.tests) == [
        (site, method) for site in ("north", "south") for method in ("better", "worse")
    ]
    assert all(test.n == 8 for test in result.tests.values())
    assert result.tests["north", "better"].difference == pytest.approx(0.3 * 4.5)
    assert result.tests["north", "worse"].effect == -1


def test_holm_counts_all_sites_and_methods(three):
    result = made(comparison_below(three))
    assert [test.p for test in result.tests.values()] == [2 / 2**8] * 4
    assert list(result.corrected.values()) == pytest.approx([4 * 2 / 2**8] * 4)
    assert (
        "Holm over the 4 tests of this table: no corrected p can be below 0.031" in result.notes[0]
    )


def test_seeds_add_no_volumes_and_move_no_p(three):
    once = made(comparison_below(three)).build_frame()
    for name, shift in (("FL-MR", 0.0), ("better", 0.3), ("worse", -0.3)):
        for seed in (2, 3):
            write_run(three / f"{name}{seed}", name, volumes(shift), seed=seed)
    pd.testing.assert_frame_equal(once, made(comparison_below(three)).build_frame())


def test_volumes_are_paired_by_name_in_whatever_order_they_were_scored(three):
    before = made(comparison_below(three)).build_frame()
    path = three / "better" / "scores.csv"
    header, *rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *reversed(rows)]))
    pd.testing.assert_frame_equal(before, made(comparison_below(three)).build_frame())


def test_runs_may_be_read_in_any_order(three):
    folders = sorted(three.iterdir())
    there, back = comparison_of(*folders), comparison_of(*reversed(folders))
    pd.testing.assert_frame_equal(made(there).build_frame(), made(back).build_frame())


def test_what_differs_is_refused_once_for_all_its_sites(three):
    write_run(three / "fused", "fused", volumes(), steps=999)
    result = made(comparison_below(three))
    assert "fused" not in {method for _, method in result.tests}
    assert (
        "north, south: not paired: fused and FL-MR differ in optimizer steps: 999 and 100."
        in result.notes
    )


def test_what_cannot_be_checked_is_tested_and_said(three):
    (three / "better" / "environment.json").unlink()
    result = made(comparison_below(three))
    assert ("north", "better") in result.tests
    assert any(note.startswith("better: volumes and masks couldn't be") for note in result.notes)


def test_too_few_volumes_are_said(tmp_path):
    for name, shift in (("FL-MR", 0.0), ("better", 0.3)):
        write_run(tmp_path / name, name, volumes(shift, n=3))
    notes = " ".join(made(comparison_below(tmp_path)).notes)
    assert "nothing here can be significant at 5 %" in notes
    assert "fewer than 6 volumes, so no p can be below 0.05: north (3), south (3)" in notes


def test_how_p_came_about_is_said_unless_it_is_exact(tmp_path):
    for name in ("FL-MR", "same"):
        write_run(tmp_path / name, name, volumes())
    assert (
        "north same, south same: p: equal on every volume."
        in made(comparison_below(tmp_path)).notes
    )


def test_zero_filled_is_tested_only_as_the_reference(three):
    comparison = comparison_below(three)
    assert {method for _, method in made(comparison).tests} == {"better", "worse"}
    result = made(comparison, ZERO_FILLED)
    assert {method for _, method in result.tests} == {"FL-MR", "better", "worse"}


def test_the_reference_is_fl_mr_where_there_is_one(three):
    comparison = comparison_below(three)
    assert choose_reference(comparison.sections[0], None) == "FL-MR"
    assert choose_reference(comparison.sections[0], "worse") == "worse"
    assert choose_reference(comparison_of(three / "worse").sections[0], None) == "worse"


def test_a_reference_may_be_named_without_its_brackets_if_only_one_is(tmp_path):
    write_run(tmp_path / "a", "FL-MR", volumes(), rounds=1)
    write_run(tmp_path / "b", "FL-MR", volumes(), rounds=2)
    comparison = comparison_below(tmp_path)
    assert choose_reference(comparison.sections[0], None) == ""
    assert choose_reference(comparison.sections[0], "FL-MR (rounds=2)") == "FL-MR (rounds=2)"


def test_an_unknown_reference_gets_the_nearest_name(three):
    with pytest.raises(ConfigErrors, match=r"--reference=bettre: .* Did you mean 'better'\?"):
        choose_reference(comparison_below(three).sections[0], "bettre")


def test_no_tests_leave_a_table_with_its_columns(tmp_path):
    write_run(tmp_path / "a", "FL-MR", volumes())
    frame = made(comparison_below(tmp_path)).build_frame()
    assert (len(frame), {"p", "p_holm", "attainable", "effect"} <= set(frame)) == (0, True)


def test_each_test_says_whose_weights_it_compares(tmp_path):
    write_run(tmp_path / "a", "FL-MR", volumes())
    write_run(tmp_path / "b", "Ditto", volumes(0.3), own=["north"])
    frame = made(comparison_below(tmp_path)).build_frame().set_index("site")
    assert frame.loc["north", ["weights", "reference_weights"]].tolist() == ["personal", "global"]
    assert frame.loc["south", ["weights", "reference_weights"]].tolist() == ["global", "global"]
    other = made(comparison_below(tmp_path), "Ditto")
    assert "Ditto itself was tested with a site's own weights at north." in other.notes


def test_of_a_metric_that_some_volumes_lack_those_are_paired_that_have_it(tmp_path):
    for name, shift in (("FL-MR", 0.0), ("better", 0.3)):
        run = write_run(tmp_path / name, name, volumes(shift), described=LESIONS)
        seen = range(2, 8) if name == "FL-MR" else range(3, 8)
        rows = [
            f"{method},north,north/{i},lesion,fastmri,{i + shift * i},3,global"
            for method in (ZERO_FILLED, name)
            for i in reversed(seen)
        ]
        with (run / "scores.csv").open("a") as file:
            file.write("\n".join(rows) + "\n")
    section = comparison_below(tmp_path).sections[0]
    pairings = pair_methods("FL-MR", section)
    lesion = run_reference_tests(section, metric_info("lesion"), "FL-MR", pairings)
    assert list(lesion.tests) == [("north", "better")]
    test = lesion.tests["north", "better"]
    assert (test.n, test.difference) == (5, pytest.approx(0.3 * 5))
    assert "south better: not tested: lesion isn't among the scores of both." in lesion.notes
    whole = run_reference_tests(section, metric_info("psnr"), "FL-MR", pairings)
    assert {test.n for test in whole.tests.values()} == {8}
