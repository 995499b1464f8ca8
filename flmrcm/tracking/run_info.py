"""What trackers are told about a run, and how they name what its journal holds."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from flmrcm.types import Measurement

DEFAULT_CONVENTION = "fastmri"
"""The convention that keys don't spell out, and that summaries and the live view use."""

_BETTER = {"nmse": min, "psnr": max, "ssim": max}


@dataclass(frozen=True)
class RunInfo:
    """A run as trackers see it.

    Attributes:
        folder: the run's own; trackers write below it (`tensorboard/`, `wandb/`).
        name: of the run, such as `2026-11-23_10-00-00_ab12`.
        group: the experiment it belongs to.
        job_type: such as `train`.
        tags: strategy, target, acceleration, contrast.
        config: resolved, plain.
        traits: what tells it from other runs at a glance: strategy, target, seed, ….
    """

    folder: Path
    name: str
    group: str
    job_type: str
    tags: Sequence[str]
    config: Mapping[str, Any]
    traits: Mapping[str, str | float] = field(default_factory=dict[str, str | float])


def describe_training(folder: Path, config: Mapping[str, Any]) -> RunInfo:
    """Return what trackers are told about a training run; its tags are its traits in words.

    Args:
        folder: the run's own.
        config: resolved, plain.
    """
    strategy, target = str(config["strategy"]["name"]), str(config["target"])
    contrast, seed = str(config["contrast"]), int(config["seed"])
    rates = [float(rate) for rate in config["mask"]["accelerations"]]
    rates_in_words = "+".join(f"{rate:g}x" for rate in rates)
    traits = {
        "strategy": strategy,
        "method": config.get("method") or strategy,
        "scenario": config.get("scenario") or "none",
        "target": target,
        # a single rate is a number, so that 4 sorts before 16
        "acceleration": rates[0] if len(rates) == 1 else rates_in_words,
        "contrast": contrast,
        "seed": seed,
    }
    tags = [strategy, f"target {target}", rates_in_words, contrast, f"seed {seed}"]
    return RunInfo(folder, folder.name, config["name"], "train", tags, config, traits)


def build_key(row: Measurement) -> str:
    """Return the name a measurement is tracked by: `<split>/<metric>/<site>`.

    A convention other than fastMRI's joins the metric with an underscore, since both TensorBoard
    and wandb take letters, digits, `_` and `/` without a second thought:
    `val/psnr/brats`, `val/psnr_slice_max/brats`, `wire/bytes_sent/weights/brats`. A measurement
    of the whole federation ends with its metric.
    """
    spelled = row.convention not in ("", DEFAULT_CONVENTION)
    metric = f"{row.metric}_{row.convention}" if spelled else row.metric
    return "/".join(part for part in (row.split, metric, row.site) if part)


def group_scalars(rows: Iterable[Measurement]) -> dict[int, dict[str, float]]:
    """Return, for each round, its values by key."""
    rounds: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        rounds[row.round][build_key(row)] = row.value
    return dict(rounds)


def compute_headline(
    rows: Sequence[Measurement], participants: Collection[str] = ()
) -> dict[str, float]:
    """Return a run's few numbers: `last/<metric>`, `best/<metric>`, `test/<metric>`.

    The metrics are NMSE, PSNR and SSIM (fastMRI's convention), each the mean over the sites that
    trained: `last` and `best` of the validation rounds (`best` is the smallest NMSE, the largest
    PSNR and SSIM), `test` of the judgement at the end. What wasn't measured is left out.

    Args:
        rows: of the journal.
        participants: the sites that trained, where the journal doesn't say: their data were pooled.
    """
    trained = set(participants) or {row.site for row in rows if row.split == "train"}
    numbers: dict[str, float] = {}
    for metric, better in _BETTER.items():
        of_metric = [row for row in rows if row.metric == metric and row.site in trained]
        if validated := _average_rounds(of_metric, "val"):
            numbers[f"last/{metric}"] = validated[-1]
            # a round that isn't finite is never the best, wherever `max` would have met it
            finite = [value for value in validated if isfinite(value)]
            numbers[f"best/{metric}"] = better(finite) if finite else validated[-1]
        if tested := _average_rounds(of_metric, "test"):
            numbers[f"test/{metric}"] = tested[-1]
    return numbers


def _average_rounds(rows: Iterable[Measurement], split: str) -> list[float]:
    """Return the mean over sites of each round, in order of rounds."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row.split == split and row.convention == DEFAULT_CONVENTION:
            rounds[row.round].append(row.value)
    return [float(np.mean(rounds[number])) for number in sorted(rounds)]
