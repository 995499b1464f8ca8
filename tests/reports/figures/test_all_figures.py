"""All figures of one comparison."""

from flmrcm.reports.figures.all_figures import FIGURES
from flmrcm.reports.figures.figure_writer import DrawnFigure


def test_every_kind_is_drawn_where_there_is_something_to_draw(runs, tmp_path, drawn):
    aligned = {"method": "FL-MRCM", "aligned_with": "west", "saved": 2}
    comparison = runs(aligned, {**aligned, "rate": 8})
    outcomes = [outcome for draw in FIGURES for outcome in draw(comparison, tmp_path)]
    assert all(isinstance(outcome, DrawnFigure) for outcome in outcomes)
    files = [outcome.png.name for outcome in outcomes]
    assert len(set(files)) == len(files), "no figure overwrites another"
    assert len({outcome.title for outcome in outcomes}) == len(outcomes)
    assert all(outcome.caption.endswith(".") for outcome in outcomes)


def test_where_there_is_nothing_every_kind_gives_a_reason_or_a_figure(runs, tmp_path, drawn):
    comparison = runs({"rounds": 0})
    for draw in FIGURES:
        assert draw(comparison, tmp_path)
