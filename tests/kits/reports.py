"""Runs as folders and rows, as small as a comparison can read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from flmrcm.federation.journal import Journal
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.learning.records import SCORE_COLUMNS
from flmrcm.reports.collected.comparison import Comparison, compare_runs
from flmrcm.reports.collected.finished_runs import RunCollection, collect_runs, read_run
from flmrcm.reports.metric_info import BUILT_IN
from flmrcm.types import Measurement

Values = Mapping[str, Sequence[float]]
"""By site: one per volume."""

NORTH: Values = {"north": (21.0, 22.0, 23.0)}
START = 10.0
"""What the zero-filled image reaches on every volume."""


def score_rows(
    method: str,
    values: Values,
    convention: str = "fastmri",
    metrics: Iterable[str] = BUILT_IN,
    own: Iterable[str] = (),
) -> pd.DataFrame:
    """Return the rows of `scores.csv`, every metric with the same values.

    `own` are the sites that were tested with their own weights.
    """
    start = "none" if method == ZERO_FILLED else "global"
    rows = [
        (method, site, f"{site}/{number}", metric, convention, value, 3, weights)
        for site, of_site in values.items()
        for weights in ["personal" if site in own else start]
        for number, value in enumerate(of_site)
        for metric in metrics
    ]
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def rows_of(method: str, values: Values, seed: int = 1, metric: str = "psnr") -> pd.DataFrame:
    """Return rows as a comparison holds them, of one metric."""
    rows = score_rows(method, values)
    return rows[rows["metric"] == metric].assign(seed=seed, run=f"{method}-{seed}", name=method)


def write_run(folder: Path, name: str = "FL-MR", values: Values = NORTH, **more: Any) -> Path:
    """Write a finished run.

    `steps`, `prints`, `convention` and `metrics` are what its journal, environment and scores hold,
    `described` is what its `metrics.json` holds, `own` are the sites tested with their own weights
    and `personal_training` what these took; `method`, `seed` and all else goes to its config.
    """
    steps, convention = more.pop("steps", 100), more.pop("convention", "fastmri")
    prints = more.pop("prints", {site: f"{site}-print" for site in values})
    aligned_with, described = more.pop("aligned_with", None), more.pop("described", None)
    own, trained = more.pop("own", {}), more.pop("personal_training", None)
    metrics, weights = more.pop("metrics", BUILT_IN), more.pop("tested_with", None)
    privacy = more.pop("spent", None)
    folder.mkdir(parents=True)
    config = {
        "strategy": {"name": name}, "seed": 1, "rounds": 1, "participants": sorted(values),
        "mask": {"accelerations": [4]}, "contrast": "T1", "test": {"checkpoint": "last"}, **more,
    }  # fmt: skip
    start = {site: [START] * len(of_site) for site, of_site in values.items()}
    tables = [
        score_rows(method, of_method, convention, metrics, sites)
        for method, of_method, sites in ((ZERO_FILLED, start, ()), (name, values, own))
    ]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    pd.concat(tables).to_csv(folder / "scores.csv", index=False)
    environment = {"site_fingerprints": prints, "aligned_with": aligned_with}
    environment |= {"tested_with": weights} if weights else {}
    environment |= {"personal_training": trained} if trained else {}
    environment |= {"privacy": privacy} if privacy else {}
    (folder / "environment.json").write_text(json.dumps(environment))
    if described:
        (folder / "metrics.json").write_text(json.dumps(described))
    if steps:
        Journal(folder / "journal.csv").write(
            [Measurement(0, "train", "north", "steps", "", steps)]
        )
    (folder / "done").touch()
    return folder


def comparison_below(folder: Path) -> Comparison:
    """Return all runs below a folder, side by side."""
    return compare_runs(collect_runs([folder]))


def comparison_of(*folders: Path) -> Comparison:
    """Return these runs side by side, in this order."""
    return compare_runs(RunCollection([read_run(folder) for folder in folders], {}, []))
