"""Figures reach the disk twice, under names that tell them apart."""

import pytest
from matplotlib.figure import Figure

from flmrcm.reports.collected.comparison import Section
from flmrcm.reports.figures.figure_writer import FigureWriter


def figure():
    example = Figure(layout="constrained")
    example.subplots().imshow([[0, 1]])
    return example


def writers(comparison, folder, what="Boxes"):
    return [FigureWriter(section, folder, what) for section in comparison.sections]


def test_a_figure_is_written_as_png_and_as_pdf(runs, tmp_path):
    (page,) = writers(runs({}), tmp_path / "deep" / "folder")
    result = page.write_figure(figure(), "boxes", "What is seen.")
    assert (result.title, result.caption) == ("Boxes", "What is seen.")
    assert result.png == tmp_path / "deep" / "folder" / "boxes.png"
    assert result.png.read_bytes().startswith(b"\x89PNG")
    assert result.pdf.read_bytes().startswith(b"%PDF")


def test_the_same_figure_gives_the_same_files(runs, tmp_path):
    (page,) = writers(runs({}), tmp_path)
    result = page.write_figure(figure(), "boxes", "")
    before = result.png.read_bytes(), result.pdf.read_bytes()
    page.write_figure(figure(), "boxes", "")
    assert (result.png.read_bytes(), result.pdf.read_bytes()) == before


def test_sections_have_files_and_titles_of_their_own(runs, tmp_path):
    result = writers(runs({"rate": 4}, {"rate": 8}), tmp_path)
    outcomes = [page.write_figure(figure(), "boxes", "") for page in result]
    assert [outcome.title for outcome in outcomes] == ["Boxes: 4x", "Boxes: 8x"]
    assert [outcome.pdf.name for outcome in outcomes] == ["boxes_4x.pdf", "boxes_8x.pdf"]


def test_a_long_section_is_named_in_short(runs, tmp_path):
    comparison = runs({"rate": 4}, {"rate": 8})
    section = "unseen target: the tested site took no part in training, 4x"
    page = FigureWriter(Section(comparison, section), tmp_path, "Boxes")
    assert page.title == "Boxes: unseen target, 4x"
    assert page.write_figure(figure(), "boxes", "").png.name == "boxes_unseen_target_4x.png"


@pytest.mark.parametrize("reason", ["There's nothing."])
def test_what_is_missing_has_a_reason(runs, tmp_path, reason):
    (page,) = writers(runs({}), tmp_path)
    assert page.explain_missing(reason).reason == reason
