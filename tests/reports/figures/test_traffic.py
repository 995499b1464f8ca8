"""Bytes moved."""

import pytest

from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure
from flmrcm.reports.figures.traffic import count_bytes, draw_traffic

MOVED = {
    "bytes_sent/weights": 3e6, "bytes_received/weights": 2e6,
    "bytes_sent/latents": 1e6, "bytes_seen/target_images": 5e5,
}  # fmt: skip


@pytest.fixture
def figure(runs, tmp_path, plots):
    draw_traffic(runs({"traffic": MOVED, "rounds": 4}), tmp_path)
    return plots[0]


def bars(figure):
    return [(bar.get_x(), bar.get_width(), bar.get_hatch()) for bar in figure.axes[0].patches]


def test_bytes_are_summed_over_sites_and_averaged_over_rounds(runs):
    rows = count_bytes(runs({"traffic": MOVED, "rounds": 4}).sections[0]).set_index("metric")
    assert rows.loc["bytes_sent/weights", "value"] == 2 * 3e6, "two sites"
    assert rows.loc["bytes_sent/weights", "whole"] == 4 * 2 * 3e6


def test_seeds_are_averaged_also_where_one_moved_nothing_of_a_kind(runs):
    less = {"bytes_sent/weights": 1e6}
    comparison = runs({"seed": 1, "traffic": MOVED}, {"seed": 2, "traffic": less})
    rows = count_bytes(comparison.sections[0]).set_index("metric")
    assert rows.loc["bytes_sent/weights", "value"] == 2 * 2e6
    assert rows.loc["bytes_sent/latents", "value"] == 2 * 0.5e6


def test_what_moves_is_stacked_without_gaps(figure):
    moved = [(left, width) for left, width, hatch in bars(figure) if hatch is None]
    assert moved == [(0, 6), (6, 4), (10, 2)], "weights to and from, then latents; MB"


def test_images_looked_at_stand_apart_and_are_hatched(figure):
    assert [bar[:2] for bar in bars(figure) if bar[2]] == [(0, 1)]


def test_the_whole_runs_bytes_stand_beside_the_bars(figure):
    assert [text.get_text().strip() for text in figure.axes[0].texts] == [
        "48 MB in all",
        "4 MB in all",
    ]


def test_the_legend_tells_ways_and_kinds(figure):
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "weights, to the sites",
        "weights, from the sites",
        "latents, to the sites",
        "target images, read in place",
    ]


def test_pooling_is_confessed(runs, tmp_path, plots):
    (result,) = draw_traffic(runs({"settings": {"pooled": True}}), tmp_path)
    assert "pooled" in result.caption


def test_without_bytes_there_is_a_reason(runs, tmp_path):
    (result,) = draw_traffic(runs({"traffic": {"bytes_sent/weights": 0.0}}), tmp_path)
    assert isinstance(result, MissingFigure)


def test_the_files_are_written(runs, tmp_path):
    (result,) = draw_traffic(runs({"traffic": MOVED}), tmp_path)
    assert isinstance(result, DrawnFigure)
    assert result.pdf.stat().st_size > 1000
