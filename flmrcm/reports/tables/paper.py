"""Sheets as text for notes and papers: Markdown, and LaTeX with booktabs."""

import re
from collections.abc import Iterable, Sequence

from flmrcm.reports.numbers.summary import Summary
from flmrcm.reports.tables.sheets import (
    TESTS_LEGEND,
    Entry,
    Sheet,
    matrix_legend,
    matrix_sheet,
    tests_sheet,
)

_MARKDOWN_MARKS = {0: "{}", 1: "**{}**", 2: "<ins>{}</ins>"}
_LATEX_MARKS = {0: "{}", 1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"}
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&",
    "#": r"\#", "$": r"\$", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "–": "--", "<": "$<$", ">": "$>$",
}  # fmt: skip
_SPECIAL = re.compile("|".join(map(re.escape, _LATEX)))


def markdown_document(summaries: Iterable[Summary]) -> str:
    """Gives all sections: matrices, then tests, each with how to read it."""
    parts: list[str] = []
    for summary in summaries:
        matrices = [matrix_sheet(matrix) for matrix in summary.matrices]
        tests = [tests_sheet(each) for each in summary.tests]
        parts += [f"## {summary.section}", matrix_legend(summary.matrices[0])]
        parts += [*map(markdown, matrices), _notes(matrices)]
        made = [sheet for sheet in tests if sheet.rows]
        parts += ["### Statistics", TESTS_LEGEND if made else _notes(tests)]
        parts += [f"{markdown(sheet)}\n{_notes([sheet])}" for sheet in made]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def markdown(sheet: Sheet) -> str:
    """Gives one sheet as a Markdown table under its title."""
    heads = [f"{head.text} ({head.small})" if head.small else head.text for head in sheet.heads]
    numbers = len(heads) - sheet.names
    lines = [heads, ["---"] * sheet.names + ["---:"] * numbers]
    lines += [[_in_markdown(entry) for entry in row] for row in sheet.rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"**{sheet.title}**\n\n{table}\n"


def latex_document(summaries: Iterable[Summary]) -> str:
    """Gives all sections as tables for a paper that loads booktabs."""
    parts = [r"% needs \usepackage{booktabs}"]
    for summary in summaries:
        for matrix in summary.matrices:
            below = [matrix_legend(matrix), *matrix.notes]
            parts.append(latex(matrix_sheet(matrix), summary.section, below))
        for sheet in map(tests_sheet, summary.tests):
            if sheet.rows:
                parts.append(latex(sheet, summary.section, [TESTS_LEGEND, *sheet.notes]))
            else:
                parts += [f"% {sheet.title}: {note}" for note in sheet.notes]
    return "\n\n".join(parts) + "\n"


def latex(sheet: Sheet, section: str, below: Sequence[str] = ()) -> str:
    """Gives one sheet as a LaTeX table.

    Args:
        sheet: to show.
        section: it belongs to.
        below: sentences to stand under the table.
    """
    columns = "l" * sheet.names + "r" * (len(sheet.heads) - sheet.names)
    heads = [_latex_row([escaped(head.text) for head in sheet.heads])]
    if any(head.small for head in sheet.heads):
        heads.append(_latex_row([_small(head.small) for head in sheet.heads]))
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{escaped(f'{section}: {sheet.title}.')}}}",
        rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *heads, r"\midrule",
        *(_latex_row([_in_latex(entry) for entry in row]) for row in sheet.rows),
        r"\bottomrule", r"\end{tabular}",
        *(rf"\par\smallskip{{\footnotesize {escaped(text)}\par}}" for text in below),
        r"\end{table}",
    ])  # fmt: skip


def escaped(text: str) -> str:
    """Gives text that LaTeX sets as it reads."""
    return _SPECIAL.sub(lambda found: _LATEX[found[0]], text)


def _in_markdown(entry: Entry) -> str:
    marked = _MARKDOWN_MARKS[entry.rank].format(entry.text.replace("|", r"\|"))
    return f"{marked} {entry.small}".strip()


def _in_latex(entry: Entry) -> str:
    marked = _LATEX_MARKS[entry.rank].format(escaped(entry.text))
    return f"{marked} {_small(entry.small)}".strip()


def _small(text: str) -> str:
    return rf"{{\scriptsize {escaped(text)}}}" if text else ""


def _latex_row(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _notes(sheets: Iterable[Sheet]) -> str:
    """Gives the sheets' notes as a list, each once."""
    return "\n".join(dict.fromkeys(f"- {note}" for sheet in sheets for note in sheet.notes))
