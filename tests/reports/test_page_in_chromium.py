"""The page as a reader sees it: on a phone and a desk, by day and by night, on paper."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from kits.browser import MISSING, Browser, chromium
from kits.runs_on_disk import write_run

from flmrcm.reports.collected.comparable_runs import collect_comparable
from flmrcm.reports.collected.comparison import compare_runs
from flmrcm.reports.figures.figure_writer import DrawnFigure
from flmrcm.reports.html_report import Report, write_report
from flmrcm.reports.numbers.summary import summarise_sections

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

SCROLLS = """[...document.querySelectorAll("table, img, pre")].every(
    element => element.getBoundingClientRect().right <= innerWidth
        || element.closest(".scroll, pre") !== null)"""
WIDEST = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
WIDE_TABLE = """[...document.querySelectorAll(".scroll")].find(
    box => box.querySelector("table") && box.scrollWidth > box.clientWidth + 80)"""
CONTRAST = """(() => {
    const light = text => {
        const parts = text.match(/[\\d.]+/g).slice(0, 3).map(part => {
            const share = part / 255;
            return share <= .04045 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4;
        });
        return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2] + .05;
    };
    const paper = light(getComputedStyle(document.body).backgroundColor);
    return Math.min(...[...document.querySelectorAll("p, td, th, li, figcaption")].map(element => {
        const ink = light(getComputedStyle(element).color);
        return Math.max(ink, paper) / Math.min(ink, paper);
    }));
})()"""
"""WCAG's ratio of the faintest words to the page."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of many methods with long names, one run unfinished, with a wide figure."""
    folder = tmp_path_factory.mktemp("wide")
    for number in range(6):
        name = f"a method with a rather long name {number}"
        write_run(folder / "runs" / f"{number}", name, 1, 28.0 + number, local={"epochs": number})
    write_run(folder / "runs" / "stopped").joinpath("done").unlink()
    matplotlib.image.imsave(folder / "wide.png", np.ones((200, 2000)), cmap="gray")
    figure = DrawnFigure("Wide", "A long caption. " * 20, folder / "wide.png", folder / "wide.pdf")
    comparison = compare_runs(collect_comparable([str(folder / "runs")], "fastmri"))
    title = "outputs/" + "a_long_folder_name_" * 8
    command = f"flmrcm compare {title}"
    report = Report(title, command, "psnr", comparison, summarise_sections(comparison), [figure])
    write_report(report, folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_never_scrolls_sideways_wide_things_do(
    browser: Browser, page: Path, width: int
) -> None:
    browser.open(page, width)
    assert browser.evaluate(WIDEST) <= browser.evaluate("innerWidth") == width
    assert browser.evaluate(SCROLLS)


def test_a_row_keeps_its_name_in_sight_while_its_table_scrolls(
    browser: Browser, page: Path
) -> None:
    browser.open(page, 390)
    assert browser.evaluate(f"{WIDE_TABLE} !== undefined")
    assert browser.evaluate(f"({WIDE_TABLE}.scrollLeft = 80, {WIDE_TABLE}.scrollLeft)") == 80
    left = f'{WIDE_TABLE}.querySelector("tbody th").getBoundingClientRect().left'
    assert browser.evaluate(f"{left} - {WIDE_TABLE}.getBoundingClientRect().left") == 0


def test_statistics_are_read_on_a_phone_without_scrolling_each_number_with_its_name(
    browser: Browser, page: Path
) -> None:
    browser.open(page, 390)
    fits = """[...document.querySelectorAll("section > .scroll > .cards td, .cards th")].every(
        cell => !cell.checkVisibility() || cell.getBoundingClientRect().right <= innerWidth)"""
    assert browser.evaluate('document.querySelectorAll(".cards td").length') > 0
    assert browser.evaluate(fits)
    numbers = '[...document.querySelectorAll(".cards tbody td:not(.name)")]'
    name = "getComputedStyle(cell, '::before').content"
    assert browser.evaluate(f'{numbers}.every(cell => {name} == `"${{cell.dataset.head}}"`)')
    browser.open(page, 1280)
    assert browser.evaluate(
        f"{numbers}.every(cell => getComputedStyle(cell).display == 'table-cell')"
    )


def test_details_open_at_a_tap_without_any_script(browser: Browser, page: Path) -> None:
    browser.open(page, 390)
    details = 'document.querySelector("details")'
    assert browser.evaluate(f'({details}.querySelector("summary").click(), {details}.open)')
    assert browser.evaluate(WIDEST) <= 390


def test_nothing_is_fetched_and_nothing_is_complained_about(browser: Browser, page: Path) -> None:
    browser.console(), browser.requested()
    browser.open(page, 390)
    address, *others = browser.requested()
    assert address == page.as_uri()
    assert {other.partition(":")[0] for other in others} == {"data"}
    assert browser.console() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_day_and_night_both_can_be_read(browser: Browser, page: Path, scheme: str) -> None:
    browser.open(page, 1280, scheme=scheme)
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert browser.evaluate(CONTRAST) >= 4.5


def test_it_can_be_printed(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, 1280)
    browser.paper(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
