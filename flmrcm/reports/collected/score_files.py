"""The test scores of a run, and what its environment says of them."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.csv_rows import read_rows
from flmrcm.errors import DataLayoutError
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.learning.records import GLOBAL, NO_WEIGHTS, PERSONAL, SCORE_COLUMNS
from flmrcm.run_files import ENVIRONMENT

_OLD_COLUMNS = SCORE_COLUMNS[:-1]
_OLD_HEAD = ",".join(_OLD_COLUMNS) + "\n"
"""The first line of a table from before it said whose weights were tested."""


def read_environment(folder: Path) -> dict[str, Any]:
    """Return what a run's `environment.json` holds; nothing where there's no such file.

    Raises:
        DataLayoutError: the file is damaged.
    """
    path = folder / ENVIRONMENT
    if not path.exists():
        return {}
    try:
        environment = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataLayoutError(f"{path}: not readable ({error}).") from None
    if not isinstance(environment, dict):
        raise DataLayoutError(f"{path}: not the environment of a run.")
    return environment


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
        with path.open(encoding="utf-8", errors="replace") as file:
            columns = _OLD_COLUMNS if file.readline() == _OLD_HEAD else SCORE_COLUMNS
        rows = read_rows(path, columns, _parse)
    except OSError as error:
        raise DataLayoutError(f"{path}: not readable ({error.strerror}).") from None
    scores = pd.DataFrame(rows, columns=list(columns))
    return scores if columns == SCORE_COLUMNS else _add_weights(scores, path.parent)


def _add_weights(scores: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return older scores with the column that they lack, read from the words beside them."""
    words = read_environment(folder).get("tested_with")
    said = words if isinstance(words, dict) else {}
    own = {
        site for site, text in said.items() if str(text).startswith(("its personal", "its private"))
    }
    weights = [
        NO_WEIGHTS if method == ZERO_FILLED else PERSONAL if site in own else GLOBAL
        for method, site in zip(scores["method"], scores["site"], strict=True)
    ]
    return scores.assign(weights=weights)


def _parse(fields: Sequence[str]) -> tuple[str | float, ...]:
    words, (value, slices), weights = fields[:5], fields[5:7], fields[7:]
    if "" in words:
        raise ValueError(f"no {SCORE_COLUMNS[words.index('')]}")
    if weights and weights[0] not in (GLOBAL, PERSONAL, NO_WEIGHTS):
        raise ValueError(f"weights are {weights[0]}")
    number = float(value)
    return *words, number if math.isfinite(number) else math.nan, int(slices), *weights


def _is_uneven(scores: pd.DataFrame) -> bool:
    """Return whether a site has fewer rows of one method than of another: lines are missing.

    Zero-filled images are a method here.
    """
    counts = pd.crosstab(scores["site"], scores["method"])
    return counts.shape[1] < 2 or bool(counts.nunique(axis=1).gt(1).any())
