"""Markdown and LaTeX hold what the matrix holds, and are valid whatever runs are called."""

import re

import pytest
from kits.reports import comparison_below, write_run

from flmrcm.reports.numbers.summary import summarise_sections
from flmrcm.reports.tables.documents import (
    escape_latex,
    format_latex_document,
    format_markdown_document,
)

ODD = r"50%_more & {x} #1 $a^b~c\d|e"


@pytest.fixture
def result(tmp_path):
    for k, name in enumerate(("FL-MR", "FL-MRCM", ODD)):
        values = {site: [20.0 + k * (1 + i) + i for i in range(8)] for site in ("sim_b", "sim_h")}
        write_run(tmp_path / str(k), name, values)
    return summarise_sections(comparison_below(tmp_path))


def test_markdown_tables_are_rectangular(result):
    lines = format_markdown_document(result).splitlines()
    tables = "\n".join(line for line in lines if line.startswith("|"))
    for table in re.split(r"\n(?=\| (?:method|site) )", tables):
        assert len({line.replace(r"\|", "").count("|") for line in table.splitlines()}) == 1
    assert len(re.findall(r"^\| (?:method|site) ", tables, re.MULTILINE)) == 6


def test_markdown_marks_best_and_second(result):
    text = format_markdown_document(result)
    row = next(line for line in text.splitlines() if line.startswith("| 50%"))
    assert row.count("**") == 2 * 4  # two sites, their mean, the worst of them
    assert "<ins>28.00</ins>" in text


def test_markdown_says_how_to_read_it_and_what_cannot_be_said(result):
    text = format_markdown_document(result)
    assert text.startswith("## all runs\n\nmean over volumes")
    assert "### Statistics" in text
    assert "- Holm over the 4 tests of this table" in text


def test_latex_is_balanced(result):
    text = format_latex_document(result)
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    bare = re.sub(r"\\[{}]", "", "\n".join(lines))
    assert bare.count("{") == bare.count("}")
    assert re.findall(r"\\begin{(\w+)}", text) == ["table", "tabular"] * 6
    assert sorted(re.findall(r"\\end{(\w+)}", text)) == ["table"] * 6 + ["tabular"] * 6


def test_latex_rows_have_as_many_cells_as_columns(result):
    for columns, body in re.findall(
        r"\\begin{tabular}{(\w+)}(.*?)\\end{tabular}", format_latex_document(result), re.DOTALL
    ):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert rows
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}


def test_latex_marks_and_escapes(result):
    text = format_latex_document(result)
    assert r"\underline{28.00}" in text
    assert r"\textbf{32.50}" in text
    assert r"sim\_b" in text
    assert re.search(r"(?<!\\)_", text.replace("\\_", "")) is None


@pytest.mark.parametrize("name", ["a_b", "50%", "x & y", r"\input", "{", "$", "#", "^", "~"])
def test_every_special_character_is_escaped(name):
    left = re.sub(
        r"\\(?:textbackslash|textasciicircum|textasciitilde){}|\\[_%&{}$#]", "", escape_latex(name)
    )
    assert not set(left) & set(r"_%&{}$#^~" + "\\")


def test_what_private_training_spent_can_be_set_by_latex():
    text = escape_latex("ε≤3 at δ=0.01 of each volume")
    assert text == r"$\varepsilon$$\le$3 at $\delta$=0.01 of each volume"
    assert text.isascii()


def test_a_section_without_tests_says_why_in_both(tmp_path):
    write_run(tmp_path / "a", "FL-MR", {"sim_b": [1.0, 2.0]})
    alone = summarise_sections(comparison_below(tmp_path))
    assert "- no statistics: FL-MR is the only method here." in format_markdown_document(alone)
    assert "no statistics: FL-MR is the only method here." in format_latex_document(alone)
    assert format_latex_document(alone).count(r"\begin{table}") == 3
