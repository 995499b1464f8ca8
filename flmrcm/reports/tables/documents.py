"""Tables as text for notes and papers: Markdown, and LaTeX with booktabs."""

import re
from collections.abc import Iterable, Sequence

from flmrcm.reports.numbers.summary import SectionSummary
from flmrcm.reports.tables.report_tables import (
    TESTS_LEGEND,
    ReportCell,
    ReportTable,
    build_matrix_table,
    build_tests_table,
    describe_matrices,
)

_MARKDOWN_MARKS = {0: "{}", 1: "**{}**", 2: "<ins>{}</ins>"}
_LATEX_MARKS = {0: "{}", 1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"}
_LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&",
    "#": r"\#", "$": r"\$", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "ε": r"$\varepsilon$", "δ": r"$\delta$", "σ": r"$\sigma$", "λ": r"$\lambda$",
    "μ": r"$\mu$", "Δ": r"$\Delta$", "≤": r"$\le$", "≥": r"$\ge$", "→": r"$\to$",
    "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "–": "--", "<": "$<$", ">": "$>$",
}  # fmt: skip
_SPECIAL = re.compile("|".join(map(re.escape, _LATEX_ESCAPES)))


def format_markdown_document(summaries: Iterable[SectionSummary]) -> str:
    """Return all sections in Markdown: matrices, then tests, each with its legend and notes."""
    parts: list[str] = []
    for summary in summaries:
        matrices = [build_matrix_table(matrix) for matrix in summary.matrices]
        tests = [build_tests_table(each) for each in summary.tests]
        parts += [f"## {summary.section}", describe_matrices(summary.matrices)]
        parts += [format_markdown(matrix) for matrix in matrices if matrix.rows]
        parts.append(_format_notes(matrices))
        with_rows = [table for table in tests if table.rows]
        without_rows = [table for table in tests if not table.rows]
        parts += ["### Statistics", TESTS_LEGEND if with_rows else "", _format_notes(without_rows)]
        parts += [f"{format_markdown(table)}\n{_format_notes([table])}" for table in with_rows]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def format_markdown(table: ReportTable) -> str:
    """Return a table in Markdown, below its title."""
    heads = [f"{head.text} ({head.small})" if head.small else head.text for head in table.heads]
    numbers = len(heads) - table.names
    lines = [heads, ["---"] * table.names + ["---:"] * numbers]
    lines += [[_format_markdown_cell(entry) for entry in row] for row in table.rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"**{table.title}**\n\n{body}\n"


def format_latex_document(summaries: Iterable[SectionSummary]) -> str:
    """Return all sections in LaTeX; the paper must load booktabs."""
    parts = [r"% needs \usepackage{booktabs}"]
    for summary in summaries:
        tables = [
            (build_matrix_table(matrix), describe_matrices([matrix])) for matrix in summary.matrices
        ]
        tables += [(build_tests_table(tests), TESTS_LEGEND) for tests in summary.tests]
        for table, legend in tables:
            if table.rows:
                parts.append(format_latex(table, summary.section, [legend, *table.notes]))
            else:
                parts += [f"% {table.title}: {note}" for note in table.notes]
    return "\n\n".join(parts) + "\n"


def format_latex(table: ReportTable, section: str, below: Sequence[str] = ()) -> str:
    """Return a table in LaTeX.

    Args:
        table: of a section.
        section: its title.
        below: sentences below the table.
    """
    columns = "l" * table.names + "r" * (len(table.heads) - table.names)
    heads = [_format_latex_row([escape_latex(head.text) for head in table.heads])]
    if any(head.small for head in table.heads):
        heads.append(_format_latex_row([_format_small(head.small) for head in table.heads]))
    caption = escape_latex(f"{section}: {table.title}.")
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *heads, r"\midrule",
        *(_format_latex_row([_format_latex_cell(entry) for entry in row]) for row in table.rows),
        r"\bottomrule", r"\end{tabular}",
        *(rf"\par\smallskip{{\footnotesize {escape_latex(text)}\par}}" for text in below),
        r"\end{table}",
    ])  # fmt: skip


def escape_latex(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    return _SPECIAL.sub(lambda match: _LATEX_ESCAPES[match[0]], text)


def _format_markdown_cell(entry: ReportCell) -> str:
    marked = _MARKDOWN_MARKS[entry.rank].format(entry.text.replace("|", r"\|"))
    return f"{marked} {entry.small}".strip()


def _format_latex_cell(entry: ReportCell) -> str:
    marked = _LATEX_MARKS[entry.rank].format(escape_latex(entry.text))
    return f"{marked} {_format_small(entry.small)}".strip()


def _format_small(text: str) -> str:
    return rf"{{\scriptsize {escape_latex(text)}}}" if text else ""


def _format_latex_row(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _format_notes(tables: Iterable[ReportTable]) -> str:
    """Return the notes of tables as a list, each note once."""
    return "\n".join(dict.fromkeys(f"- {note}" for table in tables for note in table.notes))
