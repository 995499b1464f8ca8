"""Discriminators' accuracy."""

from flmrcm.reports.figures.curves import draw_discriminators
from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure

THREE = ("east", "north", "west")
ALIGNED = {"method": "FL-MRCM", "aligned_with": "west", "sites": THREE}


def test_each_source_has_a_panel_and_the_target_none(runs, tmp_path, plots):
    draw_discriminators(runs(ALIGNED), tmp_path)
    assert [axis.get_title() for axis in plots[0].axes] == [
        "east or west?",
        "north or west?",
    ]


def test_chance_is_marked_and_always_in_view(runs, tmp_path, plots):
    draw_discriminators(runs(ALIGNED), tmp_path)
    axis = plots[0].axes[0]
    assert set(axis.lines[0].get_ydata()) == {0.5}
    low, high = axis.get_ylim()
    assert low < 0.5 < 1 <= high


def test_a_line_is_the_mean_over_seeds(runs, tmp_path, plots):
    draw_discriminators(runs({**ALIGNED, "seed": 1}, {**ALIGNED, "seed": 3}), tmp_path)
    assert plots[0].axes[0].lines[1].get_ydata().tolist() == [0.7, 0.7], "0.6 and 0.8"


def test_each_target_has_a_row(runs, tmp_path, plots):
    draw_discriminators(runs(ALIGNED, {**ALIGNED, "aligned_with": "east"}), tmp_path)
    titles = [axis.get_title() for axis in plots[0].axes]
    assert titles == ["", "north or east?", "west or east?", "east or west?", "north or west?", ""]


def test_without_discriminators_there_is_a_reason(runs, tmp_path):
    (result,) = draw_discriminators(runs({}), tmp_path)
    assert isinstance(result, MissingFigure)
    assert "FL-MRCM" in result.reason


def test_the_files_are_written(runs, tmp_path):
    (result,) = draw_discriminators(runs(ALIGNED), tmp_path)
    assert isinstance(result, DrawnFigure)
    assert result.png.stat().st_size > 1000
