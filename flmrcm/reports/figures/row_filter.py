"""Selects rows of a table by the values of their columns."""

from typing import Any, cast

import pandas as pd


def select_rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows with these values, as in `select_rows(table, metric="psnr", site="ixi")`."""
    wanted = pd.Series(data=True, index=table.index)
    for column, value in values.items():
        wanted &= table[column] == value
    return cast(pd.DataFrame, table[wanted])


def list_distinct(table: pd.DataFrame, column: str) -> list[Any]:
    """Return each value of a column once, in the order of the rows."""
    return table[column].unique().tolist()
