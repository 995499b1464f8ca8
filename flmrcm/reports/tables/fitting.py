"""Tables as wide as the terminal: columns that don't fit go below, and no entry is ever cut."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table

_BROKEN_NAME, _GAP = 12, 3  # letters of a name on a line, and between two columns, at most
_WIDE = Console(width=10_000)
"""A console measures nothing as wider than itself."""


def print_whole(*parts: RenderableType, console: Console | None = None) -> None:
    """Print tables and lines on standard output; tables are split as `fit_table` splits them.

    A pipe or a file has no width: there, nothing is split or broken.
    """
    pieces = [*_flatten(parts)]
    console = console or Console(highlight=False)
    if not console.is_terminal:
        tables = [piece for piece in pieces if isinstance(piece, Table)]
        console.width = max((_WIDE.measure(table).maximum for table in tables), default=80)
    for piece in pieces:
        if isinstance(piece, Table):
            console.print(*fit_table(piece, console))
        else:
            console.print(piece, soft_wrap=not console.is_terminal)


def fit_table(table: Table, console: Console) -> Iterator[Table]:
    """Yield a table in parts that a console has room for.

    The columns at the left that aren't right-justified are names: each part has them, and long
    names are broken. The others hold numbers, which stay whole.
    """
    names = [*takewhile(lambda column: column.justify != "right", table.columns)]
    numbers = table.columns[len(names) :]
    for column in names:
        column.overflow, column.no_wrap = "fold", False
    for column in numbers:
        column.no_wrap = True
    room = console.width - sum(min(_measure(c), _BROKEN_NAME) + _GAP for c in names)
    if not numbers or _WIDE.measure(table).maximum <= console.width:
        yield table
        return
    for count in range(1, len(numbers) + 1):
        groups = [*_share_out(numbers, count)]
        widths = [sum(_measure(column) + _GAP for column in group) for group in groups]
        if max(widths) <= room or count == len(numbers):
            yield from (_take_columns(table, [*names, *group]) for group in groups)
            return


def _measure(column: Column) -> int:
    entries = [column.header, *column.cells]
    return max(Measurement.get(_WIDE, _WIDE.options, entry).maximum for entry in entries)


def _share_out(columns: Sequence[Column], count: int) -> Iterator[Sequence[Column]]:
    size = -(-len(columns) // count)
    return (columns[start : start + size] for start in range(0, len(columns), size))


def _take_columns(table: Table, columns: Sequence[Column]) -> Table:
    part = Table(
        *(column.copy() for column in columns),
        title=table.title, title_justify=table.title_justify, caption=table.caption, box=table.box,
        show_edge=table.show_edge, pad_edge=table.pad_edge, padding=table.padding,
        header_style=table.header_style, collapse_padding=table.collapse_padding,
    )  # fmt: skip
    for row, *cells in zip(table.rows, *(column.cells for column in columns), strict=True):
        part.add_row(*cells, style=row.style, end_section=row.end_section)
    return part


def _flatten(parts: Sequence[RenderableType]) -> Iterator[RenderableType]:
    for part in parts:
        if isinstance(part, Group):
            yield from _flatten(part.renderables)
        else:
            yield part
