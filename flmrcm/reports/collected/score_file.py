"""`scores.csv` as reports read it: every line is checked, and a damaged one is named."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from flmrcm.csv_rows import read_rows
from flmrcm.errors import DataLayoutError
from flmrcm.learning.records import SCORE_COLUMNS


def read_scores(path: Path) -> pd.DataFrame:
    """Return the scores of a finished run, with the columns `SCORE_COLUMNS`.

    A row per method, site, volume, metric and convention. A value that isn't finite, as NaN weights
    give, is not-a-number.

    Raises:
        DataLayoutError: missing, cut short, with other columns, or a line of it is damaged.
    """
    scores = parse_scores(path)
    if scores.empty or not path.read_bytes().endswith(b"\n") or _is_uneven(scores):
        raise DataLayoutError(
            f"{path}: cut short after {len(scores)} rows; flmrcm evaluate tests a checkpoint again."
        )
    return scores


def parse_scores(path: Path) -> pd.DataFrame:
    """Return the scores in a file, also of a run that hasn't finished; see `read_scores`.

    Raises:
        DataLayoutError: missing, with other columns, or a line of it is damaged.
    """
    try:
        rows = read_rows(path, SCORE_COLUMNS, _parse)
    except OSError as error:
        raise DataLayoutError(f"{path}: not readable ({error.strerror}).") from None
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def _parse(fields: Sequence[str]) -> tuple[str | float, ...]:
    *words, value, slices = fields
    if "" in words:
        raise ValueError(f"no {SCORE_COLUMNS[words.index('')]}")
    number = float(value)
    return *words, number if math.isfinite(number) else math.nan, int(slices)


def _is_uneven(scores: pd.DataFrame) -> bool:
    """Return whether a site has fewer rows of one method than of another: lines are missing.

    Zero-filled images are a method here.
    """
    counts = pd.crosstab(scores["site"], scores["method"])
    return counts.shape[1] < 2 or bool(counts.nunique(axis=1).gt(1).any())
