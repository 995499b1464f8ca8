"""Figures of installed packages are drawn like the house's; what is wrong costs one figure."""

import pytest

from flmrcm.reports.figures.figure_writer import DrawnFigure, FailedFigure
from flmrcm.reports.figures.own_figures import list_own_figures

BARS = """
from flmrcm.reports.figures.figure_writer import FigureWriter, for_each_section
from flmrcm.reports.figures.style import create_axes

@for_each_section("Bars")
def draw_bars(writer):
    return writer.write_figure(create_axes(1, 1, 2, 2)[0], "bars", "Bars.")

def draw_many(comparison, folder, count: int):
    return [outcome for _ in range(count) for outcome in draw_bars(comparison, folder)]

def draw_none(comparison, folder):
    return None
"""


def draw(packages, comparison, folder, node):
    packages.install({"bars.py": BARS, "conf/figure/bars.yaml": node})
    (drawing,) = list_own_figures()
    return drawing(comparison, folder)


def test_a_figure_is_drawn_for_each_section_and_may_take_keys(packages, runs, tmp_path, plots):
    comparison = runs({}, {"rate": 8})
    node = "_target_: mymri.bars.draw_many\ncount: 2\n"
    outcomes = draw(packages, comparison, tmp_path, node)
    assert len(outcomes) == 2 * len(comparison.sections) == 4
    assert all(isinstance(outcome, DrawnFigure) for outcome in outcomes)


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ("_target_: mymri.bras.draw_bars\n", "No module named 'mymri.bras'"),
        ("_target_: mymri.bars.draw_brs\n", "Did you mean 'draw_bars'?"),
        ("_target_: mymri.bars.draw_many\n", "draw_many"),
        ("_target_: mymri.bars.draw_many\ncount: two\n", "figure bars.count=two: a whole number"),
        ("_target_: mymri.bars.draw_none\n", "mymri.bars.draw_none is no list"),
        ("draw_bars\n", "a node with _target_ and its arguments"),
    ],
)
def test_what_is_wrong_with_one_is_said_in_its_place(packages, runs, tmp_path, plots, node, why):
    (outcome,) = draw(packages, runs({}), tmp_path, node)
    assert isinstance(outcome, FailedFigure)
    assert outcome.title == "figure bars"
    assert why in outcome.reason
    assert "\n" not in outcome.reason


def test_nobody_who_has_no_package_has_another_figure():
    assert list_own_figures() == []
