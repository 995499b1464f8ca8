"""Tables as CSV files, read line by line: a damaged line is named with its number."""

import csv
import os
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeVar

from flmrcm.errors import DataLayoutError

Row = TypeVar("Row")


def read_rows(
    path: Path, columns: Sequence[str], parse: Callable[[Sequence[str]], Row]
) -> list[Row]:
    """Return what the lines of a CSV file hold; a last line without its end is left out.

    A crash while a line is written leaves such an end. No field may hold a line break.

    Args:
        path: the file.
        columns: the words of its first line.
        parse: takes a line's fields, as many as there are columns; raises a ValueError that says
            what is wrong with them.

    Raises:
        OSError: the file can't be opened.
        DataLayoutError: another first line, or a line that can't be parsed; named with its number.
    """
    data = path.read_bytes()
    try:
        lines = data.decode().split("\n")[:-1]
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _report_line(path, line, "it isn't text in UTF-8") from None
    if lines and _split_fields(path, 1, lines[0]) != list(columns):
        raise _report_line(path, 1, f"it isn't {','.join(columns)}")
    rows: list[Row] = []
    for number, line in enumerate(lines[1:], start=2):
        fields = _split_fields(path, number, line)
        if len(fields) != len(columns):
            raise _report_line(path, number, f"{len(fields)} fields, not {len(columns)}")
        try:
            rows.append(parse(fields))
        except ValueError as error:
            raise _report_line(path, number, str(error)) from None
    return rows


def append_row(path: Path, columns: Sequence[str], fields: Sequence[object]) -> None:
    """Add a line to a CSV file, after a first line of columns where there is none yet.

    It's one write, so lines of two processes stay whole. A last line without its end, which a crash
    left and reading leaves out, is cut off first.

    Raises:
        OSError: the file can't be written.
    """
    _cut_off_unended(path)
    with path.open("a", newline="", encoding="utf-8") as file:
        text = StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([fields] if file.tell() else [columns, fields])
        file.write(text.getvalue())


def _cut_off_unended(path: Path) -> None:
    data = path.read_bytes() if path.exists() else b""
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def _split_fields(path: Path, number: int, line: str) -> list[str]:
    # each line on its own: a stray quote can't swallow the lines after it
    try:
        return next(csv.reader([line]))
    except csv.Error as error:
        raise _report_line(path, number, str(error)) from None


def _report_line(path: Path, number: int, what: str) -> DataLayoutError:
    return DataLayoutError(f"{path}, line {number}: {what}. Correct that line.")
