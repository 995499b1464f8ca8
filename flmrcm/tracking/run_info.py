"""What trackers show of a run: its description, the names of measurements, a few numbers."""

import re
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

ANY_TARGET = "any"
"""The target of a run that no target changes: what it trains is the same for each of them."""


@dataclass(frozen=True)
class RunInfo:
    """A run as trackers see it.

    Attributes:
        folder: of the run; trackers write below it (`tensorboard/`, `wandb/`).
        name: for people, such as `FL-MRCM · sim_h · 4x · seed 1`; runs may share one.
        group: the experiment it belongs to.
        job_type: train | compare.
        tags: strategy, target, acceleration, contrast, seed.
        config: resolved, plain.
        traits: settings in which runs usually differ: strategy, target, seed, …; and the folder.
    """

    folder: Path
    name: str
    group: str
    job_type: str
    tags: Sequence[str]
    config: Mapping[str, Any]
    traits: Mapping[str, str | float] = field(default_factory=dict[str, str | float])

    @property
    def file_name(self) -> str:
        """The name as that of a folder: letters, digits, `_`, `.`, `+` and `-`."""
        return re.sub(r"[^A-Za-z0-9.+-]+", "_", self.name).strip("_.")[:100] or "run"

    @property
    def facts(self) -> dict[str, str | float]:
        """The traits as trackers name them: `run/strategy`, `run/target`, …."""
        return {f"run/{name}": value for name, value in self.traits.items()}


def describe_training(
    folder: Path, config: Mapping[str, Any], needs_target: bool = True
) -> RunInfo:
    """Return the description of a training run; its tags are its traits in words.

    A run that no target changes carries the target `any`, and a tag for each site that may be one:
    so it is found beside the runs of every target.

    Args:
        folder: of the run.
        config: resolved, plain, with the names of participants and target.
        needs_target: whether the strategy aligns sites with the target.
    """
    strategy, seed = str(config["strategy"]["name"]), int(config["seed"])
    method, contrast = str(config.get("method") or strategy), str(config["contrast"])
    rates, in_words = list_accelerations(config["mask"]), describe_accelerations(config["mask"])
    targets = _list_targets(config, needs_target)
    target = ANY_TARGET if len(targets) > 1 else targets[0]
    traits = {
        "strategy": strategy,
        "method": method,
        "scenario": config.get("scenario") or "none",
        "target": target,
        # as a number, 4 is sorted before 16
        "acceleration": rates[0] if len(rates) == 1 else in_words,
        "contrast": contrast,
        "seed": seed,
        "folder": folder.name,
    }
    shown = "any target" if target == ANY_TARGET else target
    name = " · ".join((method, shown, in_words, f"seed {seed}"))
    of_targets = [f"target {each}" for each in targets]
    tags = [strategy, *of_targets, in_words, contrast, f"seed {seed}"]
    return RunInfo(folder, name, config["name"], "train", tags, config, traits)


def _list_targets(config: Mapping[str, Any], needs_target: bool) -> list[str]:
    """Return the target; or `any` and all sites where none of them changes the run."""
    target, participants = config["target"], config.get("participants") or ()
    # a site that trains alone is what its run is about
    own = needs_target or target not in participants or len(participants) == 1
    if target is not None and own:
        return [str(target)]
    return [ANY_TARGET, *map(str, config.get("sites") or ())]


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
    rows: Sequence[Measurement], participants: Collection[str] = (), finished: bool = True
) -> dict[str, float]:
    """Return a summary of a run: `last/<metric>`, `best/<metric>`, `test/<metric>`.

    The metrics are NMSE, PSNR (dB) and SSIM under fastMRI's convention, means over the sites that
    trained. `last` and `best` are of the validation rounds (`best` is the smallest NMSE, the
    largest PSNR and SSIM), `test` is of the final test, as is `test/<metric>_worst`, the value of
    the site that fares worst. Metrics without rows are left out, and so are rounds that lack a
    site of the fullest one: means over different sites don't compare.

    Args:
        rows: of the journal.
        participants: the sites that trained; needed where their data were pooled, since the
            journal has the pool then.
        finished: whether the test is over; one that was cut off has no numbers, for it may lack the
            sites that fare worst.
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
        if finished and (test := _average_rounds(of_metric, "test")):
            numbers[f"test/{metric}"] = test[-1]
            tested = [r.value for r in of_metric if _is_of(r, "test")]
            numbers[f"test/{metric}_worst"] = find_worst(tested, about.higher_is_better)
    return numbers


def find_worst(values: Sequence[float], higher_is_better: bool) -> float:
    """Return the worst of some values; NaN where one of them is NaN."""
    return float(np.min(values) if higher_is_better else np.max(values))


def _is_of(row: Measurement, split: str) -> bool:
    return row.split == split and row.convention == DEFAULT_CONVENTION


def _average_rounds(rows: Iterable[Measurement], split: str) -> list[float]:
    """Return the mean over sites for each round with all sites of the fullest, in their order."""
    rounds: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        if _is_of(row, split):
            rounds[row.round][row.site] = row.value
    fullest = max((set(values) for values in rounds.values()), key=len, default=set[str]())
    whole = [values for _, values in sorted(rounds.items()) if values.keys() == fullest]
    return [float(np.mean(list(values.values()))) for values in whole]
