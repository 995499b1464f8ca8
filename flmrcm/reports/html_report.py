"""`report.html`: a whole comparison on one page that needs no other file and no network."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from flmrcm import __version__
from flmrcm.files import write_atomically
from flmrcm.reports.collected.comparable_runs import list_not_compared
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.figures.figure_writer import DrawnFigure, FigureOutcome, MissingFigure
from flmrcm.reports.numbers.summary import SectionSummary
from flmrcm.reports.tables.report_tables import (
    TESTS_LEGEND,
    ReportTable,
    build_matrix_table,
    build_tests_table,
    describe_matrices,
)
from flmrcm.reports.tables.run_listings import (
    find_common_folder,
    list_differing_settings,
    list_machines,
    list_runs,
    shorten_names,
)
from flmrcm.run_files import CONFIG

_TEMPLATES = Path(__file__).parent
_WEBP_QUALITY = 88  # of 100; lines and letters look sharp


@dataclass(frozen=True)
class Report:
    """The content of the page.

    Attributes:
        title: of the page.
        command: that wrote the page, as typed.
        metric: name of the metric whose tests are visible at once; others are folded.
        comparison: of the runs.
        summaries: the numbers of each section.
        figures: those drawn, and the reasons for others.
    """

    title: str
    command: str
    metric: str
    comparison: Comparison
    summaries: Sequence[SectionSummary]
    figures: Sequence[FigureOutcome]


def write_report(report: Report, path: Path) -> None:
    """Write the page, whole or not at all."""
    write_atomically(path, render_report(report))


def render_report(report: Report) -> str:
    """Return the page as HTML; figures are embedded, and names of runs are escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    runs = report.comparison.collection.runs
    names = shorten_names(runs)
    return environment.get_template("page.html.j2").render(
        page=report,
        version=__version__,
        sections=[_build_section(summary, report.metric) for summary in report.summaries],
        picture=embed_picture,
        not_compared=list_not_compared(report.comparison.collection),
        drawings=[figure for figure in report.figures if isinstance(figure, DrawnFigure)],
        missing=[figure for figure in report.figures if isinstance(figure, MissingFigure)],
        runs=list_runs(runs),
        differing=list_differing_settings(runs),
        machines=list_machines(runs),
        configs={names[str(run.folder)]: (run.folder / CONFIG).read_text() for run in runs},
        below=find_common_folder(runs),
    )


def embed_picture(path: Path) -> str:
    """Return a picture as a data URI."""
    # of noisy images, WebP takes a tenth of what PNG takes
    content = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(content, "WEBP", quality=_WEBP_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"


@dataclass(frozen=True)
class _ReportSection:
    title: str
    legend: str
    matrices: Sequence[ReportTable]
    tests_legend: str
    tests: Sequence[ReportTable]


def _build_section(summary: SectionSummary, metric: str) -> _ReportSection:
    """Return a section as tables; the tests of `metric` come first."""
    in_order = sorted(summary.tests, key=lambda tests: tests.metric.name != metric)
    tests = [build_tests_table(each) for each in in_order]
    has_rows = any(table.rows for table in tests)
    return _ReportSection(
        title=summary.section,
        legend=describe_matrices(summary.matrices),
        matrices=[build_matrix_table(matrix) for matrix in summary.matrices],
        tests_legend=TESTS_LEGEND if has_rows else "",
        tests=tests if has_rows else tests[:1],
    )
