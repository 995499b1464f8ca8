"""What the journals of a section's runs hold, as one table that knows each run's method."""

from collections.abc import Sequence

import pandas as pd

from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.collected.runs import Run
from flmrcm.reports.figures.selection import distinct, where
from flmrcm.reports.numbers.matrix import in_order, is_zero_filled

COLUMNS = ("method", "run", "seed", "target", "round", "site", "metric", "convention", "value")
MEAN, LEAST, MOST = "mean", "min", "max"


def runs_by_method(comparison: Comparison, section: str) -> dict[str, list[Run]]:
    """Gives a section's runs, by seed; zero-filled images have none."""
    rows = comparison.results.drop_duplicates(["section", "method", "run"])
    rows, runs = where(rows, section=section), comparison.runs
    found = {
        method: [runs[folder] for folder in distinct(where(rows, method=method), "run")]
        for method in in_order(distinct(rows, "method"))
        if not is_zero_filled(method)
    }
    return {m: sorted(own, key=lambda run: (run.seed, run.folder)) for m, own in found.items()}


def sites_of(comparison: Comparison, section: str) -> list[str]:
    """Gives a section's sites; those that took part in training come first, as in tables."""
    trained = {site for run in comparison.collection.runs for site in run.participants}
    sites = distinct(where(comparison.results, section=section), "site")
    return sorted(sites, key=lambda site: (site not in trained, site))


def journals(
    comparison: Comparison, section: str, split: str, metrics: Sequence[str]
) -> pd.DataFrame:
    """Gives rows of the journals of a section's runs.

    Args:
        comparison: the runs.
        section: of the comparison.
        split: train | val | wire.
        metrics: those wanted, or how they begin: `bytes_sent/`.

    Returns:
        `COLUMNS`. `target` is the site the run aligned others with, or an empty string.
    """
    frames: list[pd.DataFrame] = []
    for method, runs in runs_by_method(comparison, section).items():
        for run in runs:
            rows = where(run.journal, split=split)
            rows = rows[rows["metric"].str.startswith(tuple(metrics))]
            target = run.aligned_with or run.config.get("target") or ""
            about = {"method": method, "run": str(run.folder), "seed": run.seed, "target": target}
            frames.append(rows.assign(**about).filter(items=list(COLUMNS)))
    found = [frame for frame in frames if len(frame)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))


def spread(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Gives how a method's values spread over its seeds.

    Args:
        rows: method, seed, value and `by`; a seed's values are averaged first.
        by: a column, e.g. `round`.

    Returns:
        method, `by`, and `mean`, `min`, `max` over seeds; ascending in `by`.
    """
    per_seed = rows.pivot_table("value", ["method", by], "seed")
    found = per_seed.agg([MEAN, LEAST, MOST], axis="columns").reset_index()
    return found.sort_values(by, kind="stable")
