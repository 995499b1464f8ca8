"""What trackers show of a run: its description, the names of measurements, a few numbers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from flmrcm.learning.metrics import DEFAULT_METRICS
from flmrcm.types import Measurement

DEFAULT_CONVENTION = "fastmri"
"""The convention that names leave out, and that summaries and the live view use."""


@dataclass(frozen=True)
class RunInfo:
    """A run as trackers see it.

    Attributes:
        folder: of the run; trackers write below it (`tensorboard/`, `wandb/`).
        name: of the run, such as `2026-11-23_10-00-00_ab12`.
        group: the experiment it belongs to.
        job_type: train | compare.
        tags: strategy, target, acceleration, contrast, seed.
        config: resolved, plain.
        traits: settings in which runs usually differ: strategy, target, seed, ….
    """

    folder: Path
    name: str
    group: str
    job_type: str
    tags: Sequence[str]
    config: Mapping[str, Any]
    traits: Mapping[str, str | float] = field(default_factory=dict[str, str | float])


def describe_training(folder: Path, config: Mapping[str, Any]) -> RunInfo:
    """Return the description of a training run; its tags are its traits in words."""
    strategy, target = str(config["strategy"]["name"]), str(config["target"])
    contrast, seed = str(config["contrast"]), int(config["seed"])
    rates = list_accelerations(config["mask"])
    rates_in_words = describe_accelerations(config["mask"])
    traits = {
        "strategy": strategy,
        "method": config.get("method") or strategy,
        "scenario": config.get("scenario") or "none",
        "target": target,
        # as a number, 4 is sorted before 16
        "acceleration": rates[0] if len(rates) == 1 else rates_in_words,
        "contrast": contrast,
        "seed": seed,
    }
    tags = [strategy, f"target {target}", rates_in_words, contrast, f"seed {seed}"]
    return RunInfo(folder, folder.name, config["name"], "train", tags, config, traits)


def list_accelerations(mask: Mapping[str, Any]) -> list[float]:
    """Return the accelerations of a mask's config; none where each file's own mask is used."""
    if "accelerations" not in mask and str(mask.get("_target_")).endswith(".FileMask"):
        return []
    return [float(rate) for rate in mask["accelerations"]]


def describe_accelerations(mask: Mapping[str, Any]) -> str:
    """Return the accelerations of a mask's config in words: `4x`, `4x+8x`, or `own masks`."""
    return "+".join(f"{rate:g}x" for rate in list_accelerations(mask)) or "own masks"


def build_key(row: Measurement) -> str:
    """Return the name of a measurement in trackers: `<split>/<metric>/<site>`.

    A convention other than fastMRI's follows the metric after an underscore; TensorBoard and wandb
    both allow letters, digits, `_` and `/` in names: `val/psnr/brats`,
    `val/psnr_slice_max/brats`, `wire/bytes_sent/weights/brats`. The name of a measurement of the
    whole federation ends with its metric.
    """
    is_default = row.convention in ("", DEFAULT_CONVENTION)
    metric = row.metric if is_default else f"{row.metric}_{row.convention}"
    return "/".join(part for part in (row.split, metric, row.site) if part)


def group_scalars(rows: Iterable[Measurement]) -> dict[int, dict[str, float]]:
    """Return the values of each round by the names of `build_key`."""
    rounds: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        rounds[row.round][build_key(row)] = row.value
    return dict(rounds)


def compute_headline(
    rows: Sequence[Measurement], participants: Collection[str] = ()
) -> dict[str, float]:
    """Return a summary of a run: `last/<metric>`, `best/<metric>`, `test/<metric>`.

    The metrics are NMSE, PSNR (dB) and SSIM under fastMRI's convention, means over the sites that
    trained. `last` and `best` are of the validation rounds (`best` is the smallest NMSE, the
    largest PSNR and SSIM), `test` is of the final test. Metrics without rows are left out.

    Args:
        rows: of the journal.
        participants: the sites that trained; needed where their data were pooled, since the
            journal has the pool then.
    """
    trained = set(participants) or {row.site for row in rows if row.split == "train"}
    numbers: dict[str, float] = {}
    for metric, about in DEFAULT_METRICS.items():
        better = max if about.higher_is_better else min
        of_metric = [row for row in rows if row.metric == metric and row.site in trained]
        if validation := _average_rounds(of_metric, "val"):
            numbers[f"last/{metric}"] = validation[-1]
            # comparisons with NaN are false, so `max` could return a round that isn't finite
            finite = [value for value in validation if isfinite(value)]
            numbers[f"best/{metric}"] = better(finite) if finite else validation[-1]
        if test := _average_rounds(of_metric, "test"):
            numbers[f"test/{metric}"] = test[-1]
    return numbers


def _average_rounds(rows: Iterable[Measurement], split: str) -> list[float]:
    """Return the mean over sites for each round, in the order of rounds."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row.split == split and row.convention == DEFAULT_CONVENTION:
            rounds[row.round].append(row.value)
    return [float(np.mean(rounds[number])) for number in sorted(rounds)]
