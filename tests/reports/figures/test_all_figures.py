"""All figures of one comparison."""

import pytest
from matplotlib.figure import Figure

from flmrcm.reports.figures.all_figures import FIGURES
from flmrcm.reports.figures.figure_writer import DrawnFigure, FailedFigure

ALIGNED = {"method": "FL-MRCM", "aligned_with": "west", "saved": 2}


def draw_all(comparison, folder):
    return [outcome for draw in FIGURES for outcome in draw(comparison, folder)]


def test_every_kind_is_drawn_where_there_is_something_to_draw(runs, tmp_path, plots):
    outcomes = draw_all(runs(ALIGNED, {**ALIGNED, "rate": 8}), tmp_path)
    assert all(isinstance(outcome, DrawnFigure) for outcome in outcomes)
    files = [outcome.png.name for outcome in outcomes]
    assert len(set(files)) == len(files), "no figure overwrites another"
    assert len({outcome.title for outcome in outcomes}) == len(outcomes)
    assert all(outcome.caption.endswith(".") for outcome in outcomes)


def test_where_there_is_nothing_every_kind_gives_a_reason_or_a_figure(runs, tmp_path, plots):
    comparison = runs({"rounds": 0})
    for draw in FIGURES:
        assert draw(comparison, tmp_path)


def test_scores_and_images_that_are_not_finite_spoil_no_figure(runs, tmp_path, plots):
    diverged = {**ALIGNED, "psnr": float("nan"), "pixels": float("nan")}
    outcomes = draw_all(runs(diverged, {"method": "FL-MR", "saved": 2, "rate": 8}), tmp_path)
    missing = [outcome for outcome in outcomes if not isinstance(outcome, DrawnFigure)]
    assert not any(isinstance(outcome, FailedFigure) for outcome in missing)
    texts = [text.get_text() for figure in plots for axis in figure.axes for text in axis.texts]
    assert "not finite" in texts
    assert not any("nan" in text for text in texts)


KINDS = {
    "comparison": "Reconstructions",
    "volumes_west": "Reconstructions at west",
    "boxes": "Scores of single volumes",
    "accelerations": "Scores by acceleration",
    "curves": "Scores over rounds",
    "latents": "Latents of all sites",
    "discriminators": "Accuracy of discriminators",
    "traffic": "Bytes moved",
    "scores_over_bytes": "Scores over bytes",
}
"""What the files of each kind begin with, and its title."""


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_costs_the_figure_it_is_in_and_no_other(runs, tmp_path, monkeypatch, kind):
    def save(self, path, **_):
        if path.stem in (f"{kind}_4x", kind):
            raise ValueError("minvalue must be\nless than maxvalue")

    monkeypatch.setattr(Figure, "savefig", save)
    outcomes = draw_all(runs(ALIGNED, {**ALIGNED, "rate": 8}), tmp_path)
    (failed,) = [outcome for outcome in outcomes if not isinstance(outcome, DrawnFigure)]
    assert isinstance(failed, FailedFigure)
    assert failed.title.removesuffix(": 4x") == KINDS[kind]
    assert failed.reason == "It couldn't be drawn: ValueError: minvalue must be."
    assert len(outcomes) == 2 * (len(KINDS) - 1) + 3, "two sections and sites, one scenario"
