"""A section is ranked and tested where that means something; else a note says why not."""

import pytest
from kits.reports import START, comparison_below, write_run

from flmrcm.reports.collected.comparison import compare_runs
from flmrcm.reports.collected.finished_runs import collect_runs
from flmrcm.reports.numbers import summary as module
from flmrcm.reports.numbers.summary import summarise_sections

WELL = {"north": (START + 3, START + 5), "south": (START + 4, START + 4)}
POORLY = {**WELL, "south": (START + 0.1, START + 0.1)}


def summary(folder, **options):
    (result,) = summarise_sections(comparison_below(folder), **options)
    return result


def ranks(result):
    return {cell.rank for matrix in result.matrices for cell in matrix.cells.values()}


def test_all_metrics_come_psnr_first(tmp_path):
    write_run(tmp_path / "a", values=WELL)
    result = summary(tmp_path)
    assert [matrix.metric.name for matrix in result.matrices] == ["psnr", "ssim", "nmse"]
    assert [tests.metric.name for tests in result.tests] == ["psnr", "ssim", "nmse"]


OWN = {"metrics": ["hfen", "psnr", "ssim", "nmse"]}
HFEN = {"described": {"hfen": {"title": "HFEN", "higher_is_better": False}}}


def test_a_metric_of_a_runs_own_is_ranked_and_tested_as_the_run_says(tmp_path):
    write_run(tmp_path / "a", "FL-MR", WELL, **OWN, **HFEN)
    write_run(tmp_path / "b", "FL-MRCM", POORLY, **OWN)
    result = summary(tmp_path)
    assert [matrix.metric.title for matrix in result.matrices] == ["PSNR", "SSIM", "NMSE", "HFEN"]
    assert result.matrices[3].cells["zero-filled", "north"].rank == 1, "the lowest value"
    assert result.tests[3].tests.keys() == result.tests[0].tests.keys()
    assert result.tests[3].tests


def test_a_metric_that_nobody_describes_is_tested_and_not_ranked(tmp_path):
    write_run(tmp_path / "a", "FL-MR", WELL, **OWN)
    write_run(tmp_path / "b", "FL-MRCM", POORLY, **OWN)
    result = summary(tmp_path)
    assert {cell.rank for cell in result.matrices[3].cells.values()} == {0}
    assert result.tests[3].tests


def test_a_run_without_the_new_metric_is_paired_in_the_others(tmp_path):
    write_run(tmp_path / "a", "FL-MR", WELL)
    write_run(tmp_path / "b", "FL-MRCM", WELL, **OWN, **HFEN)
    result = summary(tmp_path)
    assert [bool(tests.tests) for tests in result.tests] == [True, True, True, False]
    assert result.tests[3].notes == [
        "north FL-MRCM, south FL-MRCM: not tested: HFEN isn't among the scores of both."
    ]


def test_one_method_is_not_tested_and_that_is_said(tmp_path):
    write_run(tmp_path / "a", values=WELL)
    assert summary(tmp_path).tests[0].notes == ["no statistics: FL-MR is the only method here."]
    assert summary(tmp_path, reference="zero-filled").tests[0].tests


@pytest.mark.parametrize(("least", "ranked"), [(None, True), (0.05, True), (1.0, False)])
def test_with_a_weak_reference_nobody_is_ranked_or_tested(tmp_path, least, ranked):
    write_run(tmp_path / "a", "FL-MR", POORLY)
    write_run(tmp_path / "b", "FL-MRCM", WELL)
    result = summary(tmp_path, least_gain=least)
    assert (ranks(result) != {0}) is ranked
    assert bool(result.tests[0].tests) is ranked
    assert ranked or "less at south (0.10 dB)" in result.matrices[0].notes[0]
    assert ranked or result.tests[0].notes == result.matrices[0].notes


def test_an_ambiguous_reference_is_asked_for(tmp_path):
    for rounds in (1, 2):
        write_run(tmp_path / str(rounds), values=WELL, rounds=rounds)
    (note,) = summary(tmp_path).tests[0].notes
    assert "no single method here is called FL-MR" in note
    assert "FL-MR (rounds=1), FL-MR (rounds=2)" in note


def fail_for(monkeypatch, name, metric=None):
    """Let a function of the module fail, for one metric or always."""
    whole = getattr(module, name)

    def fails(*args):
        if metric in (None, *(getattr(arg, "name", arg) for arg in args)):
            raise ZeroDivisionError("division by zero")
        return whole(*args)

    monkeypatch.setattr(module, name, fails)


def test_an_error_costs_the_table_it_is_in_and_no_other(tmp_path, monkeypatch):
    write_run(tmp_path / "a", "FL-MR", WELL)
    write_run(tmp_path / "b", "FL-MRCM", WELL)
    fail_for(monkeypatch, "build_score_matrix", "ssim")
    fail_for(monkeypatch, "run_reference_tests", "nmse")
    result = summary(tmp_path)
    assert [bool(matrix.cells) for matrix in result.matrices] == [True, False, True]
    assert [bool(tests.tests) for tests in result.tests] == [True, True, False]
    assert result.matrices[1].notes == [
        "no table of SSIM, it couldn't be computed: ZeroDivisionError: division by zero."
    ]
    assert result.tests[2].notes == [
        "no statistics of NMSE, they couldn't be computed: ZeroDivisionError: division by zero."
    ]


def test_an_error_before_the_tests_costs_the_tests_alone(tmp_path, monkeypatch):
    write_run(tmp_path / "a", "FL-MR", WELL)
    write_run(tmp_path / "b", "FL-MRCM", WELL)
    fail_for(monkeypatch, "pair_methods")
    result = summary(tmp_path)
    assert all(matrix.cells for matrix in result.matrices)
    assert all("couldn't be computed" in tests.notes[0] for tests in result.tests)


def test_every_section_is_summed_up(tmp_path):
    for rate in (4, 8):
        write_run(tmp_path / str(rate), values=WELL, mask={"accelerations": [rate]})
    result = summarise_sections(comparison_below(tmp_path))
    assert [each.section for each in result] == ["4x", "8x"]


def test_a_convention_without_scores_is_said(tmp_path):
    write_run(tmp_path / "a", values=WELL)
    (result,) = summarise_sections(compare_runs(collect_runs([tmp_path]), "slice_max"))
    assert result.tests[0].notes == [
        "no statistics: no method has scores in convention slice_max here."
    ]
