"""Finished runs as they lie on disk, made up in milliseconds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from flmrcm.federation.journal import Journal
from flmrcm.learning.metrics import CONVENTIONS, ZERO_FILLED
from flmrcm.types import Measurement

SITES = ("sim_b", "sim_h")
_LEVELS = {"psnr": 1.0, "ssim": 0.03, "nmse": 0.001}


def write_run(
    folder: Path,
    name: str = "FL-MR",
    seed: int = 1,
    psnr: float = 30.0,
    conventions: Sequence[str] = CONVENTIONS,
    **config: Any,
) -> Path:
    """Write a run of two rounds on two sites, tested on seven volumes each.

    Args:
        folder: the run's own.
        name: its method's.
        seed: its own.
        psnr: dB, about what it reaches; zero-filled images have 25.
        conventions: its scores hold.
        config: more of its config.
    """
    folder.mkdir(parents=True)
    whole = {
        "name": folder.parent.name, "seed": seed, "rounds": 2, "contrast": "T1",
        "strategy": {"name": name}, "mask": {"accelerations": [4], "seed": 0},
        "participants": list(SITES), "sites": {site: {} for site in SITES}, "target": "sim_h",
        "test": {"checkpoint": "last"},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(whole | config, sort_keys=False))
    write_scores(folder / "scores.csv", name, seed, psnr, conventions)
    Journal(folder / "journal.csv").write(journal_rows(psnr))
    environment = {
        "git": {"commit": "0123456789abcdef", "changed": []}, "python": "3.11.7",
        "packages": {"torch": "2.13.0"}, "platform": "Linux", "device": "cpu",
        "site_fingerprints": {site: f"print of {site}" for site in SITES},
    }  # fmt: skip
    (folder / "environment.json").write_text(json.dumps(environment))
    (folder / "done").touch()
    return folder


def add_metric(folder: Path, name: str, described: Mapping[str, Any] | None = None) -> None:
    """Write scores of another metric into a run, and what the run says about it."""
    scores = pd.read_csv(folder / "scores.csv", dtype=str, na_filter=False)
    more = scores[scores["metric"] == "nmse"].assign(metric=name)
    pd.concat([more, scores]).to_csv(folder / "scores.csv", index=False)
    if described is not None:
        (folder / "metrics.json").write_text(json.dumps({name: described}))


def spoil_scores(folder: Path, site: str, value: str = "nan") -> None:
    """Write scores that aren't finite in the place of a run's own at a site."""
    scores = pd.read_csv(folder / "scores.csv", dtype={"value": str})
    own = (scores["method"] != ZERO_FILLED) & (scores["site"] == site)
    scores.loc[own, "value"] = value
    scores.to_csv(folder / "scores.csv", index=False)


def write_scores(path: Path, name: str, seed: int, psnr: float, conventions: Sequence[str]) -> None:
    """Write `scores.csv`; a seed moves every volume a little, but not what it starts from."""
    rows = [
        (method, site, f"{site}/{n}", metric, convention, level * factor + n / 9 + rng.random(), 4)
        for method, level, rng in (
            (name, psnr, np.random.default_rng(seed)),
            (ZERO_FILLED, 25.0, np.random.default_rng(0)),
        )
        for site in SITES
        for n in range(7)
        for metric, factor in _LEVELS.items()
        for convention in conventions
    ]
    columns = ["method", "site", "volume", "metric", "convention", "value", "slices"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def journal_rows(psnr: float = 30.0) -> list[Measurement]:
    """Return two rounds of measurements, and of the final test."""
    return [
        row
        for number in range(2)
        for site in SITES
        for row in (
            Measurement(number, "train", site, "loss", "", 0.5 / (number + 1)),
            Measurement(number, "train", site, "steps", "", 12.0),
            Measurement(number, "wire", site, "bytes_sent/weights", "", 1024.0),
            Measurement(number, "val", site, "psnr", "fastmri", psnr + number),
            Measurement(number, "val", site, "psnr", "slice_max", psnr + number - 3),
        )
    ] + [Measurement(1, "test", site, "zero_filled_psnr", "fastmri", 25.0) for site in SITES]
