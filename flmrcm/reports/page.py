"""`report.html`: a whole comparison on one page that asks no other file and no network."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from flmrcm import __version__
from flmrcm.files import put
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.collected.gathering import not_compared
from flmrcm.reports.collected.runs import Run
from flmrcm.reports.figures.page import Drawn, Missing, Outcome
from flmrcm.reports.numbers.summary import Summary
from flmrcm.reports.tables.run_listings import (
    common_folder,
    differing_settings,
    machines,
    overview,
    short_names,
)
from flmrcm.reports.tables.sheets import (
    TESTS_LEGEND,
    Sheet,
    matrix_legend,
    matrix_sheet,
    tests_sheet,
)

_TEMPLATES = Path(__file__).parent
_QUALITY = 88  # of 100; lines and letters stay sharp


@dataclass(frozen=True)
class Report:
    """All that the page tells.

    Attributes:
        title: what is compared.
        command: that wrote the page, as typed.
        metric: whose statistics stand open: psnr | ssim | nmse.
        comparison: the runs.
        summaries: the numbers of each section.
        figures: drawn, or why not.
    """

    title: str
    command: str
    metric: str
    comparison: Comparison
    summaries: Sequence[Summary]
    figures: Sequence[Outcome]


def write_page(report: Report, path: Path) -> None:
    """Writes the page, whole or not at all."""
    put(path, html(report))


def html(report: Report) -> str:
    """Gives the page's text; figures are embedded, whatever runs were called is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    runs = report.comparison.collection.runs
    names = short_names(runs)
    return environment.get_template("page.html.j2").render(
        page=report,
        version=__version__,
        sections=[_section(summary, report.metric) for summary in report.summaries],
        picture=picture,
        not_compared=not_compared(report.comparison.collection),
        drawn=[figure for figure in report.figures if isinstance(figure, Drawn)],
        missing=[figure for figure in report.figures if isinstance(figure, Missing)],
        runs=overview(runs),
        differing=differing_settings(runs),
        machines=machines(runs),
        configs={names[str(run.folder)]: _config(run) for run in runs},
        below=common_folder(runs),
    )


def picture(path: Path) -> str:
    """Gives a picture as a data URI; WebP takes a tenth of what PNG takes for noisy images."""
    content = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(content, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"


@dataclass(frozen=True)
class _Section:
    title: str
    legend: str
    matrices: Sequence[Sheet]
    tests_legend: str
    tests: Sequence[Sheet]


def _section(summary: Summary, metric: str) -> _Section:
    """Gives a section in words, the tests of the metric that was asked for first."""
    asked_first = sorted(summary.tests, key=lambda tests: tests.metric != metric)
    tests = [tests_sheet(each) for each in asked_first]
    tested = [sheet for sheet in tests if sheet.rows]
    return _Section(
        title=summary.section,
        legend=matrix_legend(summary.matrices[0]),
        matrices=[matrix_sheet(matrix) for matrix in summary.matrices],
        tests_legend=TESTS_LEGEND if tested else "",
        tests=tested or tests[:1],
    )


def _config(run: Run) -> str:
    path = run.folder / "config.yaml"
    if path.exists():
        return path.read_text()
    return yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True)
