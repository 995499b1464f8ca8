"""Tables in the terminal: those of a comparison, and the small one at the end of a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from flmrcm.reports.collected.labels import merge_notes
from flmrcm.reports.collected.score_files import parse_scores, read_environment
from flmrcm.reports.metric_info import MetricInfo, metric_info, read_metric_infos, sort_metrics
from flmrcm.reports.numbers.score_cells import (
    SITE_SPREAD,
    WORST_SITE,
    ScoreCell,
    ScoreCells,
    compute_cells,
    rank_cells,
    sort_methods,
)
from flmrcm.reports.numbers.summary import SectionSummary
from flmrcm.reports.tables.report_tables import (
    MISSING_CELL,
    SUMMARY_HEADS,
    TESTS_LEGEND,
    ReportCell,
    ReportTable,
    build_matrix_table,
    build_tests_table,
    describe_matrices,
)
from flmrcm.run_files import SCORES
from flmrcm.tracking.run_info import DEFAULT_CONVENTION

DEFAULT_WIDTH, _SMALL_WIDTH = 100, 80
_LONGEST_NAME, _BROKEN_NAME, _COLUMN_SPACE = 30, 16, 2
_TERMINAL_MARKS = {0: "", 1: "bold", 2: "underline"}


def format_section(
    summary: SectionSummary, width: int = DEFAULT_WIDTH, metrics: Sequence[str] = ()
) -> Group:
    """Return a section for the terminal: the matrices, then the tests of the first metric.

    Args:
        summary: of the section.
        width: of the terminal, in characters; wider matrices are split into groups of sites.
        metrics: names of the metrics to show; all if the section has none of them.
    """
    of_metric = {matrix.metric.name: matrix for matrix in summary.matrices}
    matrices = [of_metric[name] for name in metrics if name in of_metric] or summary.matrices
    tables = [build_matrix_table(matrix) for matrix in matrices]
    first = matrices[0].metric
    tests = next(build_tests_table(each) for each in summary.tests if each.metric == first)
    notes = dict.fromkeys(note for table in tables for note in table.notes)
    parts: list[RenderableType] = [Text(summary.section, "bold magenta"), ""]
    parts += [part for table in tables for part in _space_tables(format_for_terminal(table, width))]
    parts += [Text(describe_matrices(matrices), "dim"), *map(_format_note, notes), ""]
    if tests.rows:
        parts += [*_space_tables(format_for_terminal(tests, width)), Text(TESTS_LEGEND, "dim")]
    return Group(*parts, *(_format_note(note) for note in tests.notes if note not in notes))


def format_for_terminal(table: ReportTable, width: int = DEFAULT_WIDTH) -> Iterator[Table]:
    """Yield the parts of a table, each with its names at the left and as wide as a terminal."""
    title = table.title
    for columns in _split_columns(table, width):
        part, indices = build_plain_table(title), [*range(table.names), *columns]
        for i in indices:
            head = _format_cell(table.heads[i])
            if i < table.names:
                part.add_column(head, max_width=_LONGEST_NAME, overflow="fold")
            else:
                part.add_column(head, justify="right", no_wrap=True)
        groups = {row[0] for row in table.rows}
        for row, below in pairwise([*table.rows, ()]):
            ends_group = len(groups) < len(table.rows) and row[:1] != below[:1]
            part.add_row(*(_format_cell(row[i]) for i in indices), end_section=ends_group)
        yield part
        title = f"{table.title} (continued)"


def build_run_table(folder: Path, convention: str = DEFAULT_CONVENTION) -> Group:
    """Return the scores in a run's folder as one table, and what has to be said below it.

    That's which weights gave them, unless all were shared, what training spent of privacy, and
    which sites have volumes that weren't scored. The run needn't have finished.

    Raises:
        DataLayoutError: the scores, or what the run says about its metrics, are damaged.
    """
    scores = parse_scores(folder / SCORES)
    table = build_score_table(scores, convention, read_metric_infos(folder))
    environment = read_environment(folder)
    costs = environment.get("personal_training", {})
    notes = [
        (site, f"tested with {what}{_describe_cost(costs.get(site))}")
        for site, what in environment.get("tested_with", {}).items()
    ]
    notes += environment.get("privacy", {}).items()
    notes += environment.get("not_scored", {}).items()
    return Group(table, *map(Text, merge_notes(notes)))


def build_score_table(
    scores: pd.DataFrame,
    convention: str = DEFAULT_CONVENTION,
    described: Mapping[str, MetricInfo] | None = None,
) -> Table:
    """Return one run's scores as one table; the best of each site is bold.

    The worst site and the spread over sites are in it where they fit into 80 columns.
    `described` is what the run says about its metrics.
    """
    whole = _build_score_table(scores, convention, described, summaries=True)
    if Console(width=1000).measure(whole).maximum <= _SMALL_WIDTH:
        return whole
    return _build_score_table(scores, convention, described, summaries=False)


def _build_score_table(
    scores: pd.DataFrame,
    convention: str,
    described: Mapping[str, MetricInfo] | None,
    summaries: bool,
) -> Table:
    rows = scores.loc[scores["convention"] == convention].assign(seed=0)
    sites = list(dict.fromkeys(rows["site"]))
    table = build_plain_table(f"means over volumes ({convention})")
    for name in ("metric", "method"):
        table.add_column(name)
    counts = {site: rows.loc[rows["site"] == site, "volume"].nunique() for site in sites}
    for site, count in counts.items():
        table.add_column(_format_cell(ReportCell(site, f"{count} vol.")), justify="right")
    more = (WORST_SITE, SITE_SPREAD) if summaries and len(sites) > 1 else ()
    for name in more:
        table.add_column(_format_cell(SUMMARY_HEADS[name]), justify="right")
    for name in sort_metrics(rows["metric"]):
        metric = metric_info(name, described)
        cells = compute_cells(rows.loc[rows["metric"] == name], sites, metric.higher_is_better)
        _add_metric(table, metric, cells, {**counts, **dict.fromkeys(more, 0)})
    return table


def _describe_cost(cost: Mapping[str, int] | None) -> str:
    return f" ({cost['steps']} steps, {cost['volumes']} volumes)" if cost else ""


def _add_metric(
    table: Table,
    metric: MetricInfo,
    cells: ScoreCells,
    counts: Mapping[str, int],
) -> None:
    """Add a row per method; where a metric is of fewer volumes than its site has, they are told."""
    best = [column for column in counts if column != SITE_SPREAD]
    ranked = rank_cells(cells, best, metric.higher_is_better)
    methods = sort_methods(method for method, _ in ranked)
    for method in methods:
        own = [ranked.get((method, column)) for column in counts]
        texts = [
            f"{metric.format(cell.mean)} {cell.at or _tell_fewer(cell, count)}".strip()
            if cell
            else MISSING_CELL
            for cell, count in zip(own, counts.values(), strict=True)
        ]
        styles = ["bold" if cell and cell.rank == 1 else "" for cell in own]
        label = metric.label if method == methods[0] else ""
        row = (Text(label), Text(method), *map(Text, texts, styles))
        table.add_row(*row, end_section=method == methods[-1])


def _tell_fewer(cell: ScoreCell, count: int) -> str:
    return f"({cell.volumes} vol.)" if cell.volumes < count else ""


def build_plain_table(title: str) -> Table:
    """Return an empty table as all tables in the terminal look."""
    return Table(
        title=Text(title, "bold"), title_justify="left", box=SIMPLE_HEAD, show_edge=False,
        pad_edge=False, padding=(0, _COLUMN_SPACE - 1, 0, 0),
    )  # fmt: skip


def _split_columns(table: ReportTable, width: int) -> Sequence[range]:
    """Return the columns of numbers in as few groups of about equal size as fit into the width."""
    first, end = table.names, len(table.heads)
    room = width - sum(
        min(_measure_column(table, i), _BROKEN_NAME) + _COLUMN_SPACE for i in range(first)
    )
    for count in range(1, end - first + 1):
        size = ceil((end - first) / count)
        parts = [range(start, min(start + size, end)) for start in range(first, end, size)]
        if (
            max(sum(_measure_column(table, i) + _COLUMN_SPACE for i in part) for part in parts)
            - _COLUMN_SPACE
            <= room
        ):
            return parts
    return [range(i, i + 1) for i in range(first, end)]


def _measure_column(table: ReportTable, column: int) -> int:
    entries = [table.heads[column], *(row[column] for row in table.rows)]
    return max(max(len(entry.text), len(entry.small)) for entry in entries)


def _space_tables(tables: Iterable[Table]) -> Iterator[RenderableType]:
    for table in tables:
        yield from (table, "")


def _format_cell(entry: ReportCell) -> Text:
    small = (f"\n{entry.small}", "dim") if entry.small else ""
    return Text.assemble((entry.text, _TERMINAL_MARKS[entry.rank]), small)


def _format_note(text: str) -> Text:
    return Text.assemble(("• ", "yellow"), text)
