"""Curves over rounds."""

import pandas as pd
import pytest

from flmrcm.reports.figures.curves import collect_curves, draw_curves
from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure
from flmrcm.reports.figures.journal_rows import compute_spread
from flmrcm.reports.figures.style import assign_looks

SEEDS = {"seed": 1, "psnr": 30.0}, {"seed": 2, "psnr": 32.0}


def lines(figure, row, column):
    columns = len(figure.axes) // 4
    return figure.axes[row * columns + column].lines


def test_a_line_is_the_mean_over_seeds_and_rounds_count_from_one(runs, tmp_path, plots):
    draw_curves(runs(*SEEDS), tmp_path)
    (line,) = lines(plots[0], row=0, column=0)
    assert line.get_xdata().tolist() == [1, 2]
    assert line.get_ydata().tolist() == [31, 32]


def test_the_band_goes_from_the_lowest_to_the_highest_seed(runs, tmp_path, plots):
    draw_curves(runs(*SEEDS), tmp_path)
    (band,) = plots[0].axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (30, 33)


def test_a_column_per_site_and_a_row_per_score(runs, tmp_path, plots):
    draw_curves(runs({"sites": ("a", "b", "c")}), tmp_path)
    axes = plots[0].axes
    assert [axis.get_title() for axis in axes[:3]] == ["a", "b", "c"]
    heads = [axis.get_ylabel() for axis in axes[::3]]
    assert heads == ["validation PSNR (dB)", "validation SSIM", "validation NMSE", "training loss"]


def test_a_metric_of_its_own_has_a_row_where_it_was_validated(runs, tmp_path, plots):
    comparison = runs({"metrics": ("hfen", "psnr"), "sites": ("a",)})
    draw_curves(comparison, tmp_path)
    heads = [axis.get_ylabel() for axis in plots[0].axes]
    assert heads == ["validation PSNR (dB)", "validation hfen", "training loss"]
    comparison.results.loc[comparison.results["metric"] == "hfen", "metric"] = "not validated"
    draw_curves(comparison, tmp_path)
    heads = [axis.get_ylabel() for axis in plots[-1].axes]
    assert heads == ["validation PSNR (dB)", "training loss"]


def test_colours_are_the_methods(runs, tmp_path, plots):
    comparison = runs({"method": "A"}, {"method": "B"})
    draw_curves(comparison, tmp_path)
    colours = [line.get_color() for line in lines(plots[0], 0, 0)]
    assert colours == [assign_looks(comparison)[method].colour for method in ("A", "B")]


def test_only_the_convention_asked_for_is_drawn(runs):
    assert set(collect_curves(runs({}).sections[0])["convention"]) == {"fastmri", ""}


def test_a_run_counts_where_its_scores_count_but_its_loss_wherever_it_trained(runs):
    comparison = runs({"settings": {"scenario": "participating"}, "aligned_with": "east"},
                      {"settings": {"scenario": "participating"}, "method": "B"})  # fmt: skip
    rows = collect_curves(comparison.sections[0])
    own = rows[rows["method"] == "FL-MR"]
    assert set(own[own["metric"] == "psnr"]["site"]) == {"east"}
    assert set(own[own["metric"] == "loss"]["site"]) == {"east", "west"}


def test_the_files_are_written(runs, tmp_path):
    (result,) = draw_curves(runs({"sites": ("east",)}), tmp_path)
    assert isinstance(result, DrawnFigure)
    assert result.png.stat().st_size > 1000


@pytest.mark.parametrize("rounds", [0])
def test_without_rounds_there_is_a_reason(runs, tmp_path, rounds):
    (result,) = draw_curves(runs({"rounds": rounds}), tmp_path)
    assert isinstance(result, MissingFigure)
    assert "journal.csv" in result.reason


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_seed_that_is_not_finite_leaves_no_mean_of_the_others(broken):
    rows = pd.DataFrame(
        [("FL", seed, number, 30.0 + seed) for seed in (1, 2) for number in (0, 1)],
        columns=["method", "seed", "round", "value"],
    )
    rows.loc[3, "value"] = broken
    spread = compute_spread(rows, "round").set_index("round")
    assert spread.loc[0, ["mean", "min", "max"]].tolist() == [31.5, 31, 32]
    assert spread.loc[1, ["mean", "min", "max"]].isna().all()
