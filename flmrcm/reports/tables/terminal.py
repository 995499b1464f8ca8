"""Sheets in the terminal, and the small table that ends a single run."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flmrcm.learning.metrics import METRICS
from flmrcm.reports.numbers.matrix import cells_of, in_order, ranked
from flmrcm.reports.numbers.summary import Summary
from flmrcm.reports.tables.sheets import (
    DIGITS,
    HEADS,
    MISSING,
    TESTS_LEGEND,
    Entry,
    Sheet,
    matrix_legend,
    matrix_sheet,
    tests_sheet,
)

WIDTH = 100
_LONGEST_NAME, _BROKEN_NAME, _SPACE = 30, 16, 2
_MARKS = {0: "", 1: "bold", 2: "underline"}


def section_in_terminal(
    summary: Summary, width: int = WIDTH, metrics: Sequence[str] = METRICS
) -> Group:
    """Gives a section as a terminal shows it: the matrices, then the tests of the first metric.

    Args:
        summary: of the section.
        width: columns there are; wider matrices are shown in parts, some sites each.
        metrics: whose matrices are shown; at least one.
    """
    of_metric = {matrix.metric: matrix for matrix in summary.matrices}
    matrices = [of_metric[metric] for metric in metrics]
    sheets = [matrix_sheet(matrix) for matrix in matrices]
    tests = next(tests_sheet(each) for each in summary.tests if each.metric == metrics[0])
    notes = dict.fromkeys(note for sheet in sheets for note in sheet.notes)
    parts: list[RenderableType] = [Text(summary.section, "bold magenta"), ""]
    parts += [part for sheet in sheets for part in _spaced(in_terminal(sheet, width))]
    parts += [Text(matrix_legend(matrices[0]), "dim"), *map(_note, notes), ""]
    if tests.rows:
        parts += [*_spaced(in_terminal(tests, width)), Text(TESTS_LEGEND, "dim")]
    return Group(*parts, *(_note(note) for note in tests.notes if note not in notes))


def in_terminal(sheet: Sheet, width: int = WIDTH) -> Iterator[Table]:
    """Gives a sheet as tables no wider than the terminal, each with the names at its left."""
    title = sheet.title
    for columns in _parts(sheet, width):
        table, shown = _plain_table(title), [*range(sheet.names), *columns]
        for i in shown:
            head = _cell(sheet.heads[i])
            if i < sheet.names:
                table.add_column(head, max_width=_LONGEST_NAME)
            else:
                table.add_column(head, justify="right", no_wrap=True)
        groups = {row[0] for row in sheet.rows}
        for row, below in pairwise([*sheet.rows, ()]):
            ends_group = len(groups) < len(sheet.rows) and row[:1] != below[:1]
            table.add_row(*(_cell(row[i]) for i in shown), end_section=ends_group)
        yield table
        title = f"{sheet.title} (continued)"


def read_score_file(path: Path) -> pd.DataFrame:
    """Gives one run's `scores.csv`."""
    return pd.read_csv(path)


def terminal_table(scores: pd.DataFrame, convention: str = "fastmri") -> Table:
    """Gives one run's three metrics as one table; the best of each site is bold.

    Args:
        scores: as in `scores.csv`.
        convention: of the metrics.
    """
    rows = scores.loc[scores["convention"] == convention].assign(seed=0)
    sites = list(dict.fromkeys(rows["site"]))
    table = _plain_table(f"means over volumes ({convention})")
    for name in ("metric", "method"):
        table.add_column(name)
    for site in sites:
        count = rows.loc[rows["site"] == site, "volume"].nunique()
        table.add_column(_cell(Entry(site, f"{count} vol.")), justify="right")
    for metric in METRICS:
        cells = ranked(cells_of(rows.loc[rows["metric"] == metric], sites), sites, metric)
        methods = in_order(method for method, _ in cells)
        for method in methods:
            own = [cells.get((method, site)) for site in sites]
            shown = [f"{cell.mean:.{DIGITS[metric]}f}" if cell else MISSING for cell in own]
            marks = ["bold" if cell and cell.rank == 1 else "" for cell in own]
            head, last = HEADS[metric] if method == methods[0] else "", method == methods[-1]
            table.add_row(head, Text(method), *map(Text, shown, marks), end_section=last)
    return table


def _plain_table(title: str) -> Table:
    return Table(
        title=Text(title, "bold"), title_justify="left", box=SIMPLE_HEAD, show_edge=False,
        pad_edge=False, padding=(0, _SPACE - 1, 0, 0),
    )  # fmt: skip


def _parts(sheet: Sheet, width: int) -> Sequence[range]:
    """Gives the columns of numbers in as few parts, about equal, as fit beside the names."""
    first, end = sheet.names, len(sheet.heads)
    room = width - sum(min(_widest(sheet, i), _BROKEN_NAME) + _SPACE for i in range(first))
    for count in range(1, end - first + 1):
        size = ceil((end - first) / count)
        parts = [range(start, min(start + size, end)) for start in range(first, end, size)]
        if max(sum(_widest(sheet, i) + _SPACE for i in part) for part in parts) - _SPACE <= room:
            return parts
    return [range(i, i + 1) for i in range(first, end)]


def _widest(sheet: Sheet, column: int) -> int:
    entries = [sheet.heads[column], *(row[column] for row in sheet.rows)]
    return max(max(len(entry.text), len(entry.small)) for entry in entries)


def _spaced(tables: Iterable[Table]) -> Iterator[RenderableType]:
    for table in tables:
        yield from (table, "")


def _cell(entry: Entry) -> Text:
    small = (f"\n{entry.small}", "dim") if entry.small else ""
    return Text.assemble((entry.text, _MARKS[entry.rank]), small)


def _note(text: str) -> Text:
    return Text.assemble(("• ", "yellow"), text)
