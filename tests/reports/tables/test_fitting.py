"""Tables in a terminal of any width: every entry is there, whole, in some part."""

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flmrcm.reports.tables.fitting import fit_table, print_whole

SITES = [f"hospital_{number}" for number in range(12)]
NUMBERS = [f"{28 + number}.37" for number in range(12)]


def scores() -> Table:
    table = Table(title="PSNR")
    table.add_column("method")
    for site in SITES:
        table.add_column(site, justify="right")
    table.add_row("a method with a rather long name", *NUMBERS, end_section=True)
    table.add_row("zero-filled", *NUMBERS)
    return table


def printed(width: int, *parts, terminal: bool = True) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_whole(*parts, console=console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_number_and_no_head_is_cut_at_any_width(width):
    text = printed(width, scores())
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert all(word in text for word in [*SITES, *NUMBERS])


def test_every_part_has_the_names_and_the_title():
    parts = [*fit_table(scores(), Console(width=60))]
    assert len(parts) > 1
    assert {part.title for part in parts} == {"PSNR"}
    assert all([*part.columns[0].cells][1] == "zero-filled" for part in parts)
    assert all(part.rows[0].end_section for part in parts)


def test_a_table_that_fits_stays_one():
    assert len([*fit_table(scores(), Console(width=400))]) == 1


def test_a_long_name_is_broken_not_cut():
    table = Table("volume", "what")
    table.add_row("x" * 90, "y" * 90)
    text = printed(80, table)
    assert (text.count("x"), text.count("y")) == (90, 90)
    assert "…" not in text


def test_a_pipe_has_no_width_nothing_is_broken():
    text = printed(80, scores(), Text("a line of words " * 20), terminal=False)
    assert any(all(site in line for site in SITES) for line in text.splitlines())
    assert "a line of words " * 20 in text
