"""One page that holds the whole comparison, and nothing that isn't its own."""

import html
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from kits.runs_on_disk import add_metric, write_run

from flmrcm.reports.collected.comparable_runs import collect_comparable
from flmrcm.reports.collected.comparison import compare_runs
from flmrcm.reports.figures.figure_writer import DrawnFigure, FigureOutcome, MissingFigure
from flmrcm.reports.html_report import Report, render_report, write_report
from flmrcm.reports.numbers.summary import summarise_sections
from flmrcm.reports.tables.documents import format_latex_document, format_markdown_document


def report(folder: Path, figures: tuple[FigureOutcome, ...] = (), metric: str = "psnr") -> Report:
    comparison = compare_runs(collect_comparable([str(folder)], "fastmri"))
    command = "flmrcm compare 'outputs/*'"
    return Report("outputs", command, metric, comparison, summarise_sections(comparison), figures)


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    for seed in (1, 2):
        write_run(tmp_path / "pair" / f"one_{seed}", "FL-MR", seed, 30.0)
        write_run(tmp_path / "pair" / f"two_{seed}", "FL-MRCM", seed, 31.0)
    return tmp_path / "pair"


@pytest.fixture
def figure(tmp_path: Path) -> DrawnFigure:
    matplotlib.image.imsave(tmp_path / "boxes.png", np.ones((8, 8)), cmap="gray")
    return DrawnFigure(
        "Boxes", "What <boxes> show.", tmp_path / "boxes.png", tmp_path / "boxes.pdf"
    )


def test_it_tells_scores_statistics_runs_versions_and_command(pair: Path) -> None:
    text = render_report(report(pair))
    for expected in (
        "PSNR (dB)", "SSIM", "NMSE", "against FL-MR", "two_2", "2.13.0",
        "flmrcm compare &#39;outputs/*&#39;", "strategy.name", "accelerations:",
    ):  # fmt: skip
        assert expected in text


def test_the_best_and_the_second_of_each_site_are_marked(pair: Path) -> None:
    table = render_report(report(pair)).split("</table>")[0]
    # of two sites, of their mean, and of the worst one
    assert len(re.findall(r"<strong>3[12]\.\d\d</strong>", table)) == 4
    assert len(re.findall(r"<u>3[01]\.\d\d</u>", table)) == 4


def test_statistics_of_the_metric_asked_for_stand_open(pair: Path) -> None:
    text = render_report(report(pair, metric="ssim"))
    assert text.index("SSIM against") < text.index("<details>") < text.index("PSNR (dB) against")


def test_a_metric_without_tests_says_why_beside_those_with_tests(pair: Path) -> None:
    for name in ("two_1", "two_2"):
        add_metric(pair / name, "hfen", {"title": "HFEN"})
    content = report(pair)
    note = "FL-MRCM: not tested: HFEN isn't among the scores of both."
    page = html.unescape(render_report(content))
    assert note in page
    assert "<summary>HFEN against FL-MR</summary>" in page
    assert note in format_markdown_document(content.summaries)
    assert f"% HFEN against FL-MR: sim_b FL-MRCM, sim_h {note}" in format_latex_document(
        content.summaries
    )


def test_whatever_a_run_is_called_is_text(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "one", "<script>alert(1)</script>")
    text = render_report(report(tmp_path / "a"))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_figures_are_inside_with_their_captions(pair: Path, figure: DrawnFigure) -> None:
    text = render_report(report(pair, (figure, MissingFigure("Latents", "No run saved latents."))))
    assert 'src="data:image/webp;base64,UklGR' in text
    assert "What &lt;boxes&gt; show." in text
    assert "boxes.pdf" in text
    assert "Latents: No run saved latents." in text


def test_it_asks_for_nothing_from_elsewhere(pair: Path, figure: DrawnFigure) -> None:
    text = render_report(report(pair, (figure,)))
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", text)
    assert addresses
    assert {address.partition(":")[0] for address in addresses if address[0] != "#"} == {"data"}
    assert "<script" not in text


def test_what_is_not_compared_is_said_before_the_scores(pair: Path) -> None:
    (pair / "one_1" / "done").unlink()
    (pair / "two_1" / "scores.csv").write_text("cut")
    text = render_report(report(pair))
    assert text.index("not finished") < text.index("PSNR (dB)")
    assert "two_1/scores.csv" in text


def test_a_single_run_has_its_scores_and_no_statistics(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "one")
    text = render_report(report(tmp_path / "a"))
    assert "1 run compared" in text
    assert "no statistics" in text
    assert "Settings in which the runs differ" not in text


def test_it_is_written_whole_or_not_at_all(pair: Path, figure: DrawnFigure, tmp_path: Path) -> None:
    page = tmp_path / "out" / "report.html"
    write_report(report(pair), page)
    whole = page.read_text()
    figure.png.unlink()
    with pytest.raises(FileNotFoundError):
        write_report(report(pair, (figure,)), page)
    assert page.read_text() == whole
    assert list(page.parent.iterdir()) == [page]
