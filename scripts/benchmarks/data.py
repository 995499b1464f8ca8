"""(e) from disk to a batch; (f) judging a volume: reconstruction and metrics."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.bed import LOADING, Bed
from benchmarks.results import Result, clocked, in_turn
from flmrcm.data.site import Site
from flmrcm.learning.compute import Compute
from flmrcm.learning.metrics import score_volume
from flmrcm.learning.module import ReconModule
from flmrcm.learning.scoring import Evaluator


class Size(NamedTuple):
    """How big the volumes are."""

    image: int
    channels: int
    slices: int
    repeats: int


READING, JUDGING, TINY = Size(256, 32, 64, 7), Size(256, 32, 8, 5), Size(32, 4, 4, 2)


def loading(folder: Path, quick: bool) -> list[Result]:
    """(e) Slices per second through the one way from disk to a network."""
    size = TINY if quick else READING
    off, ram = (_bed(folder, size, cache).sites["here"] for cache in ("off", "ram"))
    pair = in_turn(clocked(partial(one_pass, off)), clocked(partial(one_pass, ram)), size.repeats)
    rows = (("off", "read from disk each time", pair.first), ("ram", "kept in RAM", pair.second))
    return [
        Result(
            "e",
            f"disk to batch, cache={cache}",
            size.slices / median(seconds),
            "slices/s",
            note=f"{size.image}², one coil, batches of 4, no workers; {note}",
            raw={cache: seconds},
        )
        for cache, note, seconds in rows
    ]


def one_pass(site: Site) -> int:
    """Makes every training batch once and gives how many slices they held."""
    cpu = torch.device("cpu")
    return sum(len(site.prepare_batch(raw, cpu).volume) for raw in site.train_dataloader())


def judging(folder: Path, quick: bool) -> list[Result]:
    """(f) Seconds per volume: the network alone, the metrics alone, and the whole judgement."""
    size = TINY if quick else JUDGING
    bed = _bed(folder, size, "ram")
    site, module, judge = bed.sites["here"], bed.module(), Evaluator(Compute(accelerator="cpu"))
    volume = np.random.default_rng(0).random((2, size.slices, size.image, size.image), np.float32)
    metrics = partial(score, volume[0], volume[1])
    parts = in_turn(clocked(partial(reconstruct, module, site)), clocked(metrics), size.repeats)
    whole = in_turn(clocked(partial(judge.validate, module, site)), clocked(metrics), size.repeats)
    shape = f"{size.slices} × {size.image}², {size.channels} channels"
    rows = (
        ("reconstruction", parts.first, shape),
        ("metrics", parts.second, "four conventions, in one pass"),
        ("whole validation", whole.first, "both, batches and Trainer included"),
    )
    return [
        Result("f", f"{name} of a volume", median(seconds), "s", note=note, raw={name: seconds})
        for name, seconds, note in rows
    ]


@torch.inference_mode()
def reconstruct(module: ReconModule, site: Site) -> None:
    """Runs the network over the site's validation split."""
    module.eval()
    for raw in site.val_dataloader():
        module(site.prepare_batch(raw, torch.device("cpu")))


def score(image: np.ndarray, target: np.ndarray) -> int:
    """Scores one volume and gives how many scores that made."""
    return len(list(score_volume(image, target, target.clip(0, 0.99))))


def _bed(folder: Path, size: Size, cache: str) -> Bed:
    slices = {"here": size.slices}
    loading = replace(LOADING, cache=cache)
    return Bed(folder, slices, ("here",), size.image, size.channels, loading)
