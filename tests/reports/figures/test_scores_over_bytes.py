"""Scores over bytes."""

import pytest

from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure
from flmrcm.reports.figures.scores_over_bytes import (
    collect_scores_over_bytes,
    draw_scores_over_bytes,
)

BOTH_WAYS = {"bytes_sent/weights": 3e6, "bytes_received/weights": 1e6, "bytes_seen/images": 9e6}
"""At each of two sites, in each of two rounds."""


def points(comparison, metric="psnr"):
    rows = collect_scores_over_bytes(comparison.sections[0])
    rows = rows[rows["metric"] == metric].sort_values("round")
    return list(zip(rows["megabytes"], rows["mean"], strict=True))


def test_bytes_of_all_sites_and_both_ways_add_up_over_the_rounds(runs):
    assert points(runs({"traffic": BOTH_WAYS})) == [(8, 30), (16, 31)]


def test_scores_are_means_over_sites_then_over_seeds(runs):
    compared = runs({"seed": 1, "psnr": 30.0, "traffic": BOTH_WAYS},
                    {"seed": 2, "psnr": 32.0, "traffic": BOTH_WAYS})  # fmt: skip
    assert points(compared) == [(8, 31), (16, 32)]
    first = collect_scores_over_bytes(compared.sections[0]).query("metric == 'psnr'").iloc[0]
    assert (first["min"], first["max"]) == (30, 32)


def test_a_run_for_each_target_moves_its_own_bytes_once(runs):
    whole = {"settings": {"scenario": "participating"}, "traffic": BOTH_WAYS}
    compared = runs({**whole, "aligned_with": "east"}, {**whole, "aligned_with": "west"})
    assert points(compared) == [(8, 30), (16, 31)]


def test_bytes_are_on_a_logarithmic_axis_and_a_method_is_a_line(runs, tmp_path, plots):
    draw_scores_over_bytes(runs({"method": "A"}, {"method": "B"}), tmp_path)
    axis = plots[0].axes[0]
    assert (axis.get_xscale(), len(axis.lines)) == ("log", 2)
    assert [a.get_ylabel() for a in plots[0].axes] == [
        "validation PSNR (dB)", "validation SSIM", "validation NMSE",
    ]  # fmt: skip


def test_the_files_are_written(runs, tmp_path):
    (outcome,) = draw_scores_over_bytes(runs({}), tmp_path)
    assert isinstance(outcome, DrawnFigure)
    assert "flmrcm ledger" in outcome.caption
    assert outcome.png.stat().st_size > 1000


@pytest.mark.parametrize("run", [{"rounds": 0}, {"traffic": {"bytes_seen/images": 1.0}}])
def test_without_rounds_or_bytes_there_is_a_reason(runs, tmp_path, run):
    (outcome,) = draw_scores_over_bytes(runs(run), tmp_path)
    assert isinstance(outcome, MissingFigure)
    assert "journal.csv" in outcome.reason
