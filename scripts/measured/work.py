"""Pieces of work: (c) (d) (h) a training step, (e) a batch, (f) a judgement, (j) a preparation."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from nilearn import datasets
from torch.autograd.profiler import profile

from flmrcm.config.setup import Setup
from flmrcm.data.h5 import read_header
from flmrcm.inspection.volume_sheet import write_volume_sheet
from flmrcm.learning.metrics import score_volume
from flmrcm.learning.scoring import Evaluator
from flmrcm.prepare.nifti import NiftiSource
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import FoundVolume
from flmrcm.prepare.volume_task import Preparer, VolumeTask
from flmrcm.strategies.base import LocalRule
from measured.fixtures import TARGET, TINY, Size, make_fixture
from measured.measurement import (
    Figure,
    count_flops,
    describe_machine,
    make_median,
    make_ratio,
    time_in_turn,
)

CPU = torch.device("cpu")
STEP, READING, JUDGING = Size(256, 32, 4, 5), Size(256, 32, 64, 7), Size(256, 32, 8, 5)
KINDS = {  # parts of operations' names
    "convolution": ("conv",),
    "normalisation": ("norm",),
    "activation": ("leaky_relu",),
    "pooling, joining, copying": ("pool", "aten::cat", "copy_", "aten::clone"),
}


def make_parts(folder: Path, size: Size, *words: str) -> Setup:
    """Return a federation of one site."""
    words = (f"model.channels={size.channels}", *words)
    return make_fixture(folder, {TARGET: size.slices}, size.image, *words).parts


def make_step(folder: Path, size: Size, *words: str) -> Callable[[], object]:
    """Return a step of the local loop on a batch in memory, to be called again and again."""
    parts = make_parts(folder, size, *words)
    module, local, fabric = parts.module, parts.local, parts.compute.build_fabric()
    parts.compute.prepare_model(module.model)
    optimizer = local.optimizer(module.model.parameters())
    site = parts.sites[TARGET]
    batches = [site.prepare_batch(raw, CPU) for raw in site.train_dataloader()]
    return lambda: list(local.train(module, batches, LocalRule(), optimizer, fabric))


def measure_bf16(folder: Path, quick: bool) -> list[Figure]:
    """Return float32 / bf16 for a training step; nothing on processors without bf16."""
    if not describe_machine()["bf16"]:
        return []
    word = "compute.precision=bf16-mixed"
    return [_compare_steps(folder, quick, "32-true / bf16-mixed step", word, "≥ 1.7")]


def measure_channels_last(folder: Path, quick: bool) -> list[Figure]:
    """Return default / channels-last weights for a training step."""
    word = "compute.channels_last=true"
    return [_compare_steps(folder, quick, "default / channels-last step", word)]


def _compare_steps(folder: Path, quick: bool, name: str, word: str, target: str = "") -> Figure:
    size = TINY if quick else STEP
    steps = {0: make_step(folder, size), 1: make_step(folder, size, word)}
    seconds = time_in_turn(steps, size.repeats)
    return make_ratio(name, seconds[0], seconds[1], target)


def measure_throughput(folder: Path, quick: bool) -> list[Figure]:
    """Return the operations per second of a training step / those of a matrix product."""
    size, side = (TINY, 256) if quick else (STEP, 2048)
    left, right = torch.randn(2, side, side)
    image, kernel = left.view(1, side, -1, side // 4), right.view(side, side, 1, 1)
    # the library behind torch.mm may be slower than the one behind convolutions
    works: dict[str, Callable[[], object]] = {
        "torch.mm": partial(torch.mm, left, right),
        "1×1 convolution": partial(torch.conv2d, image, kernel),
        "step": make_step(folder, size),
    }
    shares, seconds = share_time_by_kind(works["step"]), time_in_turn(works, size.repeats)
    rates = {name: count_flops(works[name]) / median(seconds[name]) / 1e9 for name in works}
    ratio = rates["step"] / max(rates["torch.mm"], rates["1×1 convolution"])
    rates["the step's convolutions alone"] = rates["step"] / shares["convolution"]
    listed = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
    parts = ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items())
    note = f"GFLOP/s: {listed}; time of the step: {parts}"
    return [Figure("step / faster matrix product", ratio, note=note, raw=seconds)]


def share_time_by_kind(step: Callable[[], object]) -> dict[str, float]:
    """Return the share of a step's time that each kind of operation takes."""
    step()
    with profile(use_kineto=False) as profiled:
        step()
    totals = dict.fromkeys((*KINDS, "other"), 0.0)
    for event in profiled.key_averages():  # pyright: ignore[reportOptionalMemberAccess]
        kinds = (k for k, parts in KINDS.items() if any(part in event.key for part in parts))
        totals[next(kinds, "other")] += event.self_cpu_time_total
    return {kind: total / sum(totals.values()) for kind, total in totals.items()}


def measure_loading(folder: Path, quick: bool) -> list[Figure]:
    """Return the slices per second from disk to a batch, and from RAM: one coil, no workers."""
    size = TINY if quick else READING
    works = {
        f"disk to batch, {word}": partial(load_once, make_parts(folder, size, f"data.{word}"))
        for word in ("cache=off", "cache=ram")
    }
    taken = time_in_turn(works, size.repeats)
    return [make_median(name, seconds, slices=size.slices) for name, seconds in taken.items()]


def load_once(parts: Setup) -> None:
    """Make every training batch once."""
    site = parts.sites[TARGET]
    for raw in site.train_dataloader():
        site.prepare_batch(raw, CPU)


def measure_judging(folder: Path, quick: bool) -> list[Figure]:
    """Return the seconds per volume of the network, of the metrics and of whole validation."""
    size = TINY if quick else JUDGING
    parts = make_parts(folder, size, "data.cache=ram")
    shape = (2, size.slices, size.image, size.image)
    image, target = np.random.default_rng(0).random(shape, np.float32)
    works: dict[str, Callable[[], object]] = {
        "network": partial(reconstruct, parts),
        "metrics": lambda: list(score_volume(image, target, target.clip(0, 0.99))),
        "whole validation": partial(
            Evaluator(parts.compute).validate, parts.module, parts.sites[TARGET]
        ),
    }
    taken = time_in_turn(works, size.repeats)
    return [make_median(f"{name} of a volume", seconds) for name, seconds in taken.items()]


@torch.inference_mode()
def reconstruct(parts: Setup) -> None:
    """Run the network over the site's validation split."""
    module, site = parts.module.eval(), parts.sites[TARGET]
    for raw in site.val_dataloader():
        module(site.prepare_batch(raw, CPU))


def measure_preparation(folder: Path, quick: bool) -> list[Figure]:
    """Return the slices per second and core from a NIfTI file to a prepared volume."""
    side, repeats = (32, 1) if quick else (256, 5)
    original = folder / "sub-1_T1w.nii.gz"
    datasets.load_mni152_template(resolution=1).to_filename(original)
    source, recipe = (
        NiftiSource(str(original), "1", {"T1": "T1w"}),
        PreparationRecipe(size=(side, side)),
    )
    task = VolumeTask(
        FoundVolume("1", "T1", (original,)), folder / "out", "1", "sub-1_T1", "train", "here"
    )
    draws = {"alone": None, "with its contact sheet": write_volume_sheet}
    preparers = {name: Preparer(source, recipe, "nifti", draw) for name, draw in draws.items()}
    works = {f"a volume prepared, {name}": partial(p, task) for name, p in preparers.items()}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    busy = time_in_turn(works, repeats, time.process_time)
    clock = time_in_turn(works, repeats)
    torch.set_num_threads(threads)
    n = read_header(folder / "out" / task.volume, "here").shape[0]
    notes = {name: f"processor time; by the clock {n / median(clock[name]):.0f}" for name in works}
    return [make_median(name, busy[name], notes[name], n, "≥ 50") for name in works]
