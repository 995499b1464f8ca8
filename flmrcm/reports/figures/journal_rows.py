"""The journals of a section's runs as one table, with the method of each run."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from flmrcm.reports.collected.comparison import Section, list_distinct, select_rows
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.numbers.score_cells import average_groups, is_zero_filled, sort_methods

JOURNAL_COLUMNS = (
    "method",
    "run",
    "seed",
    "target",
    "round",
    "site",
    "metric",
    "convention",
    "value",
)


def group_runs(section: Section) -> dict[str, list[Run]]:
    """Return a section's runs by method, sorted by seed; zero-filled images have none."""
    rows, runs = section.rows.drop_duplicates(["method", "run"]), section.comparison.runs
    groups = {
        method: [runs[folder] for folder in list_distinct(select_rows(rows, method=method), "run")]
        for method in sort_methods(list_distinct(rows, "method"))
        if not is_zero_filled(method)
    }
    return {m: sorted(own, key=lambda run: (run.seed, run.folder)) for m, own in groups.items()}


def read_journals(section: Section, split: str, metrics: Sequence[str]) -> pd.DataFrame:
    """Return rows of the journals of a section's runs.

    Args:
        section: of a comparison.
        split: train | val | wire.
        metrics: names, or beginnings of names such as `bytes_sent/`.

    Returns:
        `JOURNAL_COLUMNS`. `target` is the site that the run aligned others with, else that of its
        config, else an empty string.
    """
    frames: list[pd.DataFrame] = []
    for method, runs in group_runs(section).items():
        for run in runs:
            rows = select_rows(run.journal, split=split)
            rows = rows[rows["metric"].str.startswith(tuple(metrics))]
            target = run.aligned_with or run.config.get("target") or ""
            about = {"method": method, "run": str(run.folder), "seed": run.seed, "target": target}
            frames.append(rows.assign(**about).filter(items=list(JOURNAL_COLUMNS)))
    if parts := [frame for frame in frames if len(frame)]:
        return pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns=list(JOURNAL_COLUMNS))


def compute_spread(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the mean, the lowest and the highest seed of each method.

    Args:
        rows: method, seed, value and `by`; the values of a seed are averaged first.
        by: a column, such as `round`.

    Returns:
        method, `by`, and `mean`, `min`, `max` over seeds; ascending in `by`. Where a value isn't
        finite, all three are not-a-number: a mean of the others would be of fewer.
    """
    values = rows["value"].replace([np.inf, -np.inf], np.nan)
    groups: Any = rows.assign(value=values).groupby(["method", by, "seed"])["value"]
    seeds: Any = average_groups(groups).groupby(["method", by])
    whole = seeds.count() == seeds.size()
    ends = {"min": seeds.min().where(whole), "max": seeds.max().where(whole)}
    spread = pd.DataFrame({"mean": average_groups(seeds), **ends}).reset_index()
    return spread.sort_values(by, kind="stable")
