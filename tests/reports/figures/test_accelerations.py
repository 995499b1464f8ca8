"""Scores against acceleration."""

import numpy as np

from flmrcm.reports.figures.accelerations import add_rates, draw_accelerations
from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure

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
