"""Rows of a table by what stands in their columns."""

from typing import Any, cast

import pandas as pd


def select_rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Gives the rows that have these values: `where(results, metric="psnr", site="ixi")`."""
    wanted = pd.Series(data=True, index=table.index)
    for column, value in values.items():
        wanted &= table[column] == value
    return cast(pd.DataFrame, table[wanted])


def list_distinct(table: pd.DataFrame, column: str) -> list[Any]:
    """Gives a column's values, each once, in order of appearance."""
    return table[column].unique().tolist()
