"""`flmrcm compare`: which method was better, on which site."""

import argparse
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flmrcm.errors import ConfigErrors, FlmrcmError, one_of
from flmrcm.learning.metrics import CONVENTIONS, METRICS
from flmrcm.reports.collected.comparison import Comparison, compared
from flmrcm.reports.collected.gathering import gather, matching, not_compared
from flmrcm.reports.figures.album import FIGURES
from flmrcm.reports.figures.page import Drawn
from flmrcm.reports.numbers.summary import Summary, summaries
from flmrcm.reports.page import Report, write_page
from flmrcm.reports.tables.paper import latex_document, markdown_document
from flmrcm.reports.tables.terminal import WIDTH, section_in_terminal
from flmrcm.tracking.wandb_compare import ComparisonInfo, check_mode, log_comparison

HELP = """usage: flmrcm compare FOLDER [FOLDER ...] [OPTIONS]

Compares finished runs, never trains. Prints the main table and its statistics, and writes tables,
figures and report.html, a page that holds them all, into one folder. Runs may come from several
machines; a run that isn't finished or can't be read is named, and the others are compared.

FOLDER   holds runs at any depth; or a pattern in quotes ('outputs/*/'), or wandb's offline-run-…

  --output FOLDER      where to write; default: compare/ in the first folder
  --metric NAME        of the table shown here: psnr (default), ssim, nmse; files hold all three
  --convention NAME    fastmri (default), published, slice_volume_max, slice_max
  --reference METHOD   whom the others are tested against; default: FL-MR, else the first
  --least-gain DB      rank only where the reference gains so much PSNR over zero-filled
  --no-figures         tables only
  --wandb MODE         also log tables and figures to wandb: offline, online

Ends with 0 if any run was compared, with 1 if none could be.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigErrors([f"{message}. See flmrcm compare --help."])


def main(words: Sequence[str]) -> None:
    """Compares what the words ask for: tables on the terminal, everything in a folder."""
    asked = _asked(words)
    with _progress() as progress:
        collection = gather(
            asked.folders,
            asked.convention,
            lambda folders: progress.track(folders, description="reading runs"),
        )
        progress.add_task("comparing", total=None)
        comparison = compared(collection, asked.convention)
        if not comparison.sections:
            raise FlmrcmError("No run was judged at a site that counts in the runs' scenario.")
        found = summaries(comparison, asked.reference, asked.least_gain)
        output = asked.output or matching(asked.folders)[0] / "compare"
        output.mkdir(parents=True, exist_ok=True)
        _write_tables(comparison, found, output)
        kinds = progress.track(FIGURES if asked.figures else (), description="drawing")
        figures = [figure for draw in kinds for figure in draw(comparison, output)]
        command, title = shlex.join(["flmrcm", "compare", *words]), ", ".join(asked.folders)
        report = Report(title, command, asked.metric, comparison, found, figures)
        write_page(report, output / "report.html")
    if asked.wandb:
        log_comparison(_for_wandb(report, output), asked.wandb)
    _show(report, output)


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="flmrcm compare", add_help=False, allow_abbrev=False)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--metric", default=METRICS[0])
    parser.add_argument("--convention", default=CONVENTIONS[0])
    parser.add_argument("--reference")
    parser.add_argument("--least-gain", type=float)
    parser.add_argument("--no-figures", dest="figures", action="store_false")
    parser.add_argument("--wandb")
    asked = parser.parse_args(words)
    problems = one_of("--metric", asked.metric, METRICS)
    problems += one_of("--convention", asked.convention, CONVENTIONS)
    if problems:
        raise ConfigErrors(problems)
    if asked.wandb:
        check_mode(asked.wandb)
    return asked


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _write_tables(comparison: Comparison, found: Sequence[Summary], output: Path) -> None:
    comparison.results.to_csv(output / "results.csv", index=False)
    for name, frame in _frames(found).items():
        frame.to_csv(output / f"{name}.csv", index=False)
    (output / "tables.md").write_text(markdown_document(found), encoding="utf-8")
    (output / "tables.tex").write_text(latex_document(found), encoding="utf-8")


def _frames(found: Iterable[Summary]) -> dict[str, pd.DataFrame]:
    matrices = [matrix.frame() for summary in found for matrix in summary.matrices]
    tests = [each.frame() for summary in found for each in summary.tests]
    return {"matrix": pd.concat(matrices), "statistics": pd.concat(tests)}


def _for_wandb(report: Report, output: Path) -> ComparisonInfo:
    configs = [run.config for run in report.comparison.collection.runs]
    loggers = [(config.get("logger") or {}).get("wandb") or {} for config in configs]
    return ComparisonInfo(
        folder=output,
        project=next((str(each["project"]) for each in loggers if "project" in each), "flmrcm"),
        group=str(configs[0].get("name", output.parent.name)),
        tags=[report.metric, report.comparison.convention],
        config={"command": report.command, "runs": list(report.comparison.runs)},
        tables=_frames(report.summaries),
        figures={each.png.stem: each.png for each in report.figures if isinstance(each, Drawn)},
    )


def _show(report: Report, output: Path) -> None:
    console = Console()
    width = console.width if console.is_terminal else WIDTH
    console = Console(width=width, highlight=False)
    for summary in report.summaries:
        console.print(section_in_terminal(summary, width, [report.metric]), "")
    plain = Console(soft_wrap=True, highlight=False, markup=False)
    for line in not_compared(report.comparison.collection):
        plain.print(f"not compared: {line}", style="yellow")
    n_figures = sum(isinstance(figure, Drawn) for figure in report.figures)
    plain.print(
        f"written to {output}: report.html, {n_figures} figures (PNG, PDF), results.csv, "
        "matrix.csv, statistics.csv, tables.md, tables.tex"
    )
