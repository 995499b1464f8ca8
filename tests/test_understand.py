"""An hour of reading is an hour, and each step as long as the page says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/understand.md").read_text()
MOST_LINES = 900


def read_path() -> list[tuple[str, str, int]]:
    """Return each step of the reading path: a file, the parts to read of it, their lines."""
    row = r"^\| \d+ \| (?:\[.*?\]\(\.\./(\S+?)\)|this page) \| (.*?) \| (\d+) \|$"
    rows = re.findall(row, PAGE, re.MULTILINE)
    return [(file, parts, int(lines)) for file, parts, lines in rows]


def count_lines(file: str, parts: str) -> int:
    """Count the lines of a whole file, or of the classes and functions that are named."""
    if not file:
        return len(PAGE.splitlines())
    names, text = re.findall(r"`([\w.]+)`", parts), (ROOT / file).read_text()
    if not names:
        return len(text.splitlines())
    found = dict(walk(ast.parse(text), ""))
    return sum(found[name] for name in names)


def walk(node: ast.AST, prefix: str):
    """Give the lines of each class and function, decorators counted, by its dotted name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
            yield f"{prefix}{child.name}", (child.end_lineno or 0) - first + 1
            yield from walk(child, f"{prefix}{child.name}.")


def test_an_hour_is_at_most_nine_hundred_lines():
    steps = read_path()
    assert [file for file, _, _ in steps] == [
        "", "conf/train.yaml", "flmrcm/types.py", "flmrcm/federation/rounds.py",
        "flmrcm/federation/client.py", "flmrcm/federation/local_training.py",
        "flmrcm/strategies/base.py", "flmrcm/strategies/fl_mrcm.py",
        "tests/laws/test_lightning.py", "tests/laws/test_strategy_laws.py",
    ]  # fmt: skip
    assert sum(count_lines(file, parts) for file, parts, _ in steps) <= MOST_LINES
    assert f" {sum(lines for _, _, lines in steps)} lines with their docstrings" in PAGE


@pytest.mark.parametrize(("file", "parts", "lines"), read_path())
def test_each_step_is_as_long_as_it_says(file, parts, lines):
    assert count_lines(file, parts) == pytest.approx(lines, rel=0.1, abs=3)
