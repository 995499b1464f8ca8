"""Boxes over volumes."""

import numpy as np

from flmrcm.reports.figures.boxes import draw_boxes, list_volume_scores
from flmrcm.reports.figures.figure_writer import DrawnFigure
from flmrcm.reports.figures.style import assign_looks


def test_a_volume_counts_once_however_many_seeds_saw_it(runs):
    rows = list_volume_scores(
        runs({"seed": 1, "psnr": 30.0}, {"seed": 2, "psnr": 34.0}).sections[0], "psnr"
    )
    own = rows[(rows["method"] == "FL-MR") & (rows["site"] == "east")]
    assert own["value"].tolist() == [32, 33, 34]


def test_every_volume_is_a_point_and_the_box_has_their_median(runs, tmp_path, plots):
    draw_boxes(runs({"volumes": 5}), tmp_path)
    first = plots[0].axes[0]
    points = [line for line in first.lines if line.get_marker() == "o"]
    assert points[1].get_xdata().tolist() == [30, 31, 32, 33, 34]
    medians = [line.get_xdata()[0] for line in first.lines if line.get_linewidth() == 2]
    assert medians == [22, 32], "zero-filled, then the method"


def test_rows_are_scores_columns_sites_and_methods_are_named_at_the_left(runs, tmp_path, plots):
    draw_boxes(runs({"method": "A", "volumes": 1}, {"method": "B", "volumes": 1}), tmp_path)
    axes = plots[0].axes
    assert [axis.get_xlabel() for axis in axes] == ["PSNR (dB)"] * 2 + ["SSIM"] * 2 + ["NMSE"] * 2
    assert [axis.get_title() for axis in axes[:2]] == ["east\n1 volume", "west\n1 volume"]
    names = [[label.get_text() for label in axis.get_yticklabels()] for axis in axes[:2]]
    assert names == [["zero-filled", "A", "B"], [""] * 3]


def test_boxes_have_their_methods_colours(runs, tmp_path, plots):
    comparison = runs({"method": "A"}, {"method": "B"})
    draw_boxes(comparison, tmp_path)
    shown = [line for line in plots[0].axes[0].lines if line.get_linewidth() == 2]
    assert [line.get_color() for line in shown] == [
        look.colour for look in assign_looks(comparison).values()
    ]


def test_a_site_where_a_method_was_not_tested_keeps_its_row_empty(runs, tmp_path, plots):
    draw_boxes(runs({"method": "A"}, {"method": "B", "sites": ("east",)}), tmp_path)
    heights = [
        np.mean(line.get_ydata()) for line in plots[0].axes[1].lines if line.get_linewidth() == 2
    ]
    assert np.allclose(heights, [0, 1]), "zero-filled and A; B's row is the third"


def test_scores_that_are_not_finite_are_left_out_and_the_caption_says_so(runs, tmp_path, plots):
    broken = {"method": "B", "psnr": float("nan")}
    (outcome,) = draw_boxes(runs({"method": "A"}, broken), tmp_path)
    assert outcome.caption.endswith("aren't finite aren't shown.")
    boxes = [line for line in plots[0].axes[0].lines if line.get_linewidth() == 2]
    assert len(boxes) == 2, "zero-filled and A"


def test_the_files_are_written(runs, tmp_path):
    (result,) = draw_boxes(runs({"sites": ("east",)}), tmp_path)
    assert isinstance(result, DrawnFigure)
    assert result.pdf.stat().st_size > 1000
