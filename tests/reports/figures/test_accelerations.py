"""Scores against acceleration."""

import numpy as np
import pytest

from flmrcm.reports.figures.accelerations import add_rates, draw_accelerations
from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure
from flmrcm.reports.figures.style import assign_looks

RATES = {"rate": 8, "psnr": 28.0}, {"rate": 4, "psnr": 30.0}, {"rate": 16, "psnr": 25.0}


def test_a_line_goes_through_the_mean_of_each_acceleration_in_order(runs, tmp_path, plots):
    draw_accelerations(runs(*RATES), tmp_path)
    lines = [line for line in plots[0].axes[0].lines if len(line.get_xdata()) == 3]
    own = next(line for line in lines if 29 in line.get_ydata())
    assert own.get_xdata().tolist() == [4, 8, 16]
    assert own.get_ydata().tolist() == [31, 29, 26], "volumes have 0, 1 and 2 dB more"


def test_each_metric_has_a_row(runs, tmp_path, plots):
    own = {"metrics": ("hfen", "nmse", "psnr"), "sites": ("a",)}
    draw_accelerations(runs(*({**rate, **own} for rate in RATES)), tmp_path)
    assert [axis.get_ylabel() for axis in plots[0].axes] == ["PSNR (dB)", "NMSE", "hfen"]


def test_bars_go_from_the_lowest_to_the_highest_seed(runs, tmp_path, plots):
    other = {"rate": 8, "psnr": 32.0, "seed": 2}
    draw_accelerations(runs(*RATES, other), tmp_path)
    bars = [np.ravel(part.get_segments()) for part in plots[0].axes[0].collections]
    assert any({29.0, 33.0} <= set(bar.tolist()) for bar in bars)


def test_the_axis_names_the_accelerations(runs, tmp_path, plots):
    draw_accelerations(runs(*RATES), tmp_path)
    labels = [label.get_text() for label in plots[0].axes[0].get_xticklabels()]
    assert labels == ["4×", "8×", "16×"]


def test_each_scenario_has_a_figure_of_its_own(runs, tmp_path, plots):
    scenarios = [{"settings": {"scenario": name}} for name in ("participating", "unseen")]
    fakes = [{**rate, **name} for rate in RATES[:2] for name in scenarios]
    sections = set(add_rates(runs(*fakes))["section"])
    assert len(sections) == 1, "unseen has no site that took no part"
    assert next(iter(sections)).endswith("took part in training")


def methods(comparison):
    """Return acceleration → the labels of its runs."""
    rows = add_rates(comparison)
    return {
        rate: {*own["method"]} for rate, own in rows[rows["name"] != "zero-filled"].groupby("rate")
    }


def test_what_differs_in_more_than_the_acceleration_is_never_joined(runs, tmp_path, plots):
    own = ({"rate": 4, "settings": {"rounds": 50}}, {"rate": 8, "settings": {"rounds": 5}})
    found = runs(*own, {"rate": 8, "settings": {"rounds": 50}, "seed": 2})
    long, short = "FL-MR (rounds=50)", "FL-MR (rounds=5)"
    assert methods(found) == {4: {long}, 8: {short, long}}
    (drawn,) = draw_accelerations(found, tmp_path)
    assert {long, short} <= {text.get_text() for text in plots[0].legends[0].get_texts()}
    assert "A line joins runs whose settings differ in the acceleration" in drawn.caption


def test_images_of_other_masks_are_never_joined(runs):
    masks = [{"accelerations": [rate], "seed": rate} for rate in (4, 8)]
    rows = add_rates(runs(*({"settings": {"mask": mask}} for mask in masks)))
    starts = {*rows.loc[rows["name"] == "zero-filled", "method"]}
    assert starts == {"zero-filled (mask.seed=4)", "zero-filled (mask.seed=8)"}


@pytest.mark.parametrize(
    ("centers", "told"),
    [
        ([(4, 0.08), (8, 0.04)], {4: {"FL-MR"}, 8: {"FL-MR"}}),
        (
            [(4, 0.08), (4, 0.04), (8, 0.04)],
            {
                4: {f"FL-MR (mask.center_fractions=[{center}])" for center in (0.08, 0.04)},
                8: {"FL-MR (mask.center_fractions=[0.04])"},
            },
        ),
    ],
)
def test_a_centre_that_follows_the_acceleration_makes_no_other_line(runs, centers, told):
    masks = [{"accelerations": [rate], "center_fractions": [center]} for rate, center in centers]
    assert methods(runs(*({"settings": {"mask": mask}} for mask in masks))) == told


def test_looks_are_those_of_the_other_figures_where_labels_are(runs, tmp_path, plots):
    mixed = {"settings": {"mask": {"accelerations": [4, 8]}}, "method": "A"}
    found = runs(*RATES, mixed)
    draw_accelerations(found, tmp_path)
    colours = {line.get_color() for line in plots[0].axes[0].lines}
    assert assign_looks(found)["FL-MR"].colour in colours


def test_runs_of_several_accelerations_alone_make_no_figure(runs, tmp_path):
    (result,) = draw_accelerations(
        runs({"settings": {"mask": {"accelerations": [4, 8]}}}), tmp_path
    )
    assert isinstance(result, MissingFigure)


def test_a_run_of_several_accelerations_is_left_out(runs):
    mixed = {"settings": {"mask": {"accelerations": [4, 8]}}, "method": "mixed"}
    assert "mixed" not in set(add_rates(runs(*RATES, mixed))["method"])


def test_one_acceleration_makes_no_figure_and_the_reason_is_given(runs, tmp_path):
    (result,) = draw_accelerations(runs({}, {"method": "B"}), tmp_path)
    assert isinstance(result, MissingFigure)
    assert "mask.accelerations=[4],[8]" in result.reason


def test_the_files_are_written(runs, tmp_path):
    here = {"sites": ("east",)}
    (result,) = draw_accelerations(runs(*({**rate, **here} for rate in RATES)), tmp_path)
    assert isinstance(result, DrawnFigure)
    assert result.png.name == "accelerations.png"
    assert result.png.stat().st_size > 1000
