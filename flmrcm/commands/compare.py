"""`flmrcm compare`: tables, tests and figures of finished runs, and one page of them all."""

import argparse
import shlex
import webbrowser
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flmrcm.commands.flags import FlagParser
from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice
from flmrcm.learning.metrics import CONVENTIONS
from flmrcm.logs import say
from flmrcm.reports.collected.comparable_runs import (
    collect_comparable,
    list_not_compared,
    match_folders,
)
from flmrcm.reports.collected.comparison import Comparison, compare_runs
from flmrcm.reports.figures.all_figures import FIGURES
from flmrcm.reports.figures.figure_writer import DrawnFigure, FailedFigure
from flmrcm.reports.figures.own_figures import list_own_figures
from flmrcm.reports.html_report import Report, write_report
from flmrcm.reports.metric_info import sort_metrics
from flmrcm.reports.numbers.summary import SectionSummary, summarise_sections
from flmrcm.reports.tables.documents import format_latex_document, format_markdown_document
from flmrcm.reports.tables.terminal import DEFAULT_WIDTH, format_section
from flmrcm.tracking.run_info import DEFAULT_CONVENTION, RunInfo
from flmrcm.tracking.wandb import check_mode, log_comparison


def main(words: Sequence[str]) -> None:
    """Compare runs: print the main table and its tests, and write everything into a folder.

    Raises:
        ConfigErrors: a word that isn't understood.
        FlmrcmError: no run can be compared.
    """
    options = _parse_words(words)
    with _build_progress() as progress:
        comparison = _collect(options, progress)
        summaries = summarise_sections(comparison, options.reference, options.least_gain)
        output = options.output or match_folders(options.folders)[0] / "compare"
        output.mkdir(parents=True, exist_ok=True)
        _write_tables(comparison, summaries, output)
        drawings = (*FIGURES, *list_own_figures()) if options.figures else ()
        kinds = progress.track(drawings, description="drawing")
        figures = [outcome for draw in kinds for outcome in draw(comparison, output)]
        command, title = shlex.join(["flmrcm", "compare", *words]), ", ".join(options.folders)
        report = Report(title, command, options.metric, comparison, summaries, figures)
        write_report(report, output / "report.html")
    if options.wandb:
        _log_to_wandb(report, output, options.wandb)
    _print_report(report, output)
    if options.open:
        _open_page(output / "report.html")


def _collect(options: argparse.Namespace, progress: Progress) -> Comparison:
    collection = collect_comparable(
        options.folders,
        options.convention,
        lambda folders: progress.track(folders, description="reading runs"),
    )
    progress.add_task("comparing", total=None)
    comparison = compare_runs(collection, options.convention)
    if not comparison.sections:
        raise FlmrcmError("No run was tested at a site that counts in the runs' scenario.")
    _check_metric(comparison, options.metric)
    return comparison


def _parse_words(words: Sequence[str]) -> argparse.Namespace:
    parser = FlagParser("compare")
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--metric", default="psnr")
    parser.add_argument("--convention", default=DEFAULT_CONVENTION)
    parser.add_argument("--reference")
    parser.add_argument("--least-gain", type=float)
    parser.add_argument("--no-figures", dest="figures", action="store_false")
    parser.add_argument("--wandb")
    parser.add_argument("--open", action="store_true")
    options = parser.parse_args(words)
    if problems := check_choice("--convention", options.convention, CONVENTIONS):
        raise ConfigErrors(problems)
    if options.wandb:
        check_mode(options.wandb)
    return options


def _check_metric(comparison: Comparison, name: str) -> None:
    known = {info.name for section in comparison.sections for info in section.list_metrics()}
    if problems := check_choice("--metric", name, sort_metrics(known)):
        raise ConfigErrors(problems)


def _build_progress() -> Progress:
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _write_tables(
    comparison: Comparison, summaries: Sequence[SectionSummary], output: Path
) -> None:
    comparison.results.to_csv(output / "results.csv", index=False, na_rep="nan")
    for name, frame in _build_frames(summaries).items():
        frame.to_csv(output / f"{name}.csv", index=False)
    (output / "tables.md").write_text(format_markdown_document(summaries), encoding="utf-8")
    (output / "tables.tex").write_text(format_latex_document(summaries), encoding="utf-8")


def _build_frames(summaries: Iterable[SectionSummary]) -> dict[str, pd.DataFrame]:
    """Return the tables of all sections, by the names of their CSV files."""
    matrices = [matrix.build_frame() for summary in summaries for matrix in summary.matrices]
    tests = [of_metric.build_frame() for summary in summaries for of_metric in summary.tests]
    return {"matrix": pd.concat(matrices), "statistics": pd.concat(tests)}


def _log_to_wandb(report: Report, output: Path, mode: str) -> None:
    configs = [run.config for run in report.comparison.collection.runs]
    loggers = [(config.get("logger") or {}).get("wandb") or {} for config in configs]
    project = next((str(each["project"]) for each in loggers if "project" in each), "flmrcm")
    group = str(configs[0].get("name", output.parent.name))
    tags = [report.metric, report.comparison.convention]
    config = {"command": report.command, "runs": list(report.comparison.runs)}
    pictures = [each.png for each in report.figures if isinstance(each, DrawnFigure)]
    log_comparison(
        RunInfo(output, f"compare {group}", group, "compare", tags, config),
        _build_frames(report.summaries),
        {png.stem: png for png in pictures},
        project,
        mode,
    )


def _print_report(report: Report, output: Path) -> None:
    console = Console()
    width = console.width if console.is_terminal else DEFAULT_WIDTH
    console = Console(width=width, highlight=False)
    for summary in report.summaries:
        console.print(format_section(summary, width, [report.metric]), "")
    for line in list_not_compared(report.comparison.collection):
        say(f"not compared: {line}", style="yellow")
    for figure in report.figures:
        if isinstance(figure, FailedFigure):
            say(f"not drawn: {figure.title}: {figure.reason}", style="yellow")
    n_figures = sum(isinstance(figure, DrawnFigure) for figure in report.figures)
    say(
        f"written to {output}: report.html, {n_figures} figures (PNG, PDF), results.csv, "
        "matrix.csv, statistics.csv, tables.md, tables.tex"
    )


def _open_page(page: Path) -> None:
    """Show the page in the reader's browser; a machine without one is told where the page is."""
    if not webbrowser.open(page.resolve().as_uri()):
        say(f"no browser here; open {page.resolve()} in one", style="yellow")
