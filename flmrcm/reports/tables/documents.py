"""Sheets as text for notes and papers: Markdown, and LaTeX with booktabs."""

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
    "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "–": "--", "<": "$<$", ">": "$>$",
}  # fmt: skip
_SPECIAL = re.compile("|".join(map(re.escape, _LATEX_ESCAPES)))


def format_markdown_document(summaries: Iterable[SectionSummary]) -> str:
    """Gives all sections: matrices, then tests, each with how to read it."""
    parts: list[str] = []
    for summary in summaries:
        matrices = [build_matrix_table(matrix) for matrix in summary.matrices]
        tests = [build_tests_table(each) for each in summary.tests]
        parts += [f"## {summary.section}", describe_matrices(summary.matrices)]
        parts += [format_markdown(matrix) for matrix in matrices if matrix.rows]
        parts.append(_format_notes(matrices))
        made = [sheet for sheet in tests if sheet.rows]
        parts += ["### Statistics", TESTS_LEGEND if made else _format_notes(tests)]
        parts += [f"{format_markdown(sheet)}\n{_format_notes([sheet])}" for sheet in made]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def format_markdown(sheet: ReportTable) -> str:
    """Gives one sheet as a Markdown table under its title."""
    heads = [f"{head.text} ({head.small})" if head.small else head.text for head in sheet.heads]
    numbers = len(heads) - sheet.names
    lines = [heads, ["---"] * sheet.names + ["---:"] * numbers]
    lines += [[_format_markdown_cell(entry) for entry in row] for row in sheet.rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"**{sheet.title}**\n\n{table}\n"


def format_latex_document(summaries: Iterable[SectionSummary]) -> str:
    """Gives all sections as tables for a paper that loads booktabs."""
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


def format_latex(sheet: ReportTable, section: str, below: Sequence[str] = ()) -> str:
    """Gives one sheet as a LaTeX table.

    Args:
        sheet: to show.
        section: it belongs to.
        below: sentences to stand under the table.
    """
    columns = "l" * sheet.names + "r" * (len(sheet.heads) - sheet.names)
    heads = [_format_latex_row([escape_latex(head.text) for head in sheet.heads])]
    if any(head.small for head in sheet.heads):
        heads.append(_format_latex_row([_format_small(head.small) for head in sheet.heads]))
    caption = escape_latex(f"{section}: {sheet.title}.")
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *heads, r"\midrule",
        *(_format_latex_row([_format_latex_cell(entry) for entry in row]) for row in sheet.rows),
        r"\bottomrule", r"\end{tabular}",
        *(rf"\par\smallskip{{\footnotesize {escape_latex(text)}\par}}" for text in below),
        r"\end{table}",
    ])  # fmt: skip


def escape_latex(text: str) -> str:
    """Gives text that LaTeX sets as it reads."""
    return _SPECIAL.sub(lambda found: _LATEX_ESCAPES[found[0]], text)


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


def _format_notes(sheets: Iterable[ReportTable]) -> str:
    """Gives the sheets' notes as a list, each once."""
    return "\n".join(dict.fromkeys(f"- {note}" for sheet in sheets for note in sheet.notes))
