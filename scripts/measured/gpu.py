"""(gpu) How busy a GPU is kept, how long it waits for data, and what precision and compiling gain.

Without a GPU the same is measured on the processor: it shows that the figures can be had, no more.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from flmrcm.config.setup import Setup
from flmrcm.federation.batches import SiteBatches
from flmrcm.learning.compute import Compute
from flmrcm.strategies.base import LocalRule
from flmrcm.types import Batch
from measured.fixtures import TARGET, TINY, Fixture, Size, make_federation, make_fixture
from measured.measurement import Figure, make_median, time_in_turn

SIZE, BATCH = Size(256, 32, 128, 5), 16
WAYS = {  # what is called how
    "float32": "compute.precision=32-true",
    "tf32": "compute.precision=tf32",
    "bf16": "compute.precision=bf16-mixed",
    "channels last": "compute.channels_last=true",
    "compiled": "compute.compile=true",
}
KINDS, LAST, COMPILED = ("float32", "bf16", "tf32"), "channels last", "compiled"
TRIED = [[kind, *more] for more in ([], [LAST], [COMPILED], [LAST, COMPILED]) for kind in KINDS]


def measure_gpu(folder: Path, quick: bool) -> list[Figure]:
    """Return how busy the GPU is in an FL-MRCM round, what it waits for, and its steps' times."""
    size = TINY if quick else SIZE
    words = ["compute.accelerator=auto", f"model.channels={size.channels}"]
    words += [f"local.batch_size={BATCH}"]
    slices, figures = {"source": size.slices, TARGET: size.slices}, list[Figure]()
    on_gpu = Compute().on_gpu
    for kind in KINDS[: 2 if on_gpu and not quick else 1]:
        of_rounds = [*words, WAYS[kind], "strategy=fl_mrcm", "rounds=3"]
        fixture = make_fixture(folder / "round", slices, size.image, *of_rounds)
        figures += measure_round_shares(fixture, on_gpu)
    tried = [names for names in TRIED if on_gpu or "tf32" not in names]
    for names in tried[:2] if quick else tried:  # a minute of compiling tells nothing of tiny ones
        own = [*words, *(WAYS[name] for name in names)]
        parts = make_fixture(folder / "steps", {TARGET: BATCH}, size.image, *own).parts
        figures.append(time_step(parts, ", ".join(names), size.repeats))
    return figures


def measure_round_shares(fixture: Fixture, on_gpu: bool) -> list[Figure]:
    """Return which share of rounds the device computes, and which it waits for batches."""
    make_federation(fixture).run(fixture.initial)  # warms up
    federation, start = make_federation(fixture), time.perf_counter()
    with watch_batches() as waited:
        federation.run(fixture.initial)
    seconds = time.perf_counter() - start
    federation = make_federation(fixture)
    with profile(activities=list_activities(on_gpu)) as profiled:  # which slows the rest down
        federation.run(fixture.initial)
    kind = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    events: Any = profiled.key_averages()
    busy = sum(getattr(event, kind) for event in events) / 1e6
    name = "GPU" if on_gpu else "processor, no GPU here"
    note, precision = f"{seconds:.2f} s", fixture.parts.compute.precision
    return [
        Figure(
            f"busy in FL-MRCM's rounds, {precision} ({name})",
            busy / seconds,
            target="≥ 0.9" * on_gpu,
            note=note,
        ),
        Figure("waiting for batches / rounds", sum(waited) / seconds, target="≤ 0.05" * on_gpu),
    ]


def list_activities(on_gpu: bool) -> list[ProfilerActivity]:
    """Return what is profiled: the device that computes."""
    return [ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]


@contextmanager
def watch_batches() -> Generator[list[float]]:
    """Give a list to which every batch adds the seconds that training waited for it."""
    waited, original = list[float](), vars(SiteBatches)["_prepare"]

    def watch(*given: Any) -> Iterator[Batch]:
        batches = original(*given)
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            waited.append(time.perf_counter() - start)
            if batch is None:
                return
            yield batch

    with patch.object(SiteBatches, "_prepare", watch):
        yield waited


def time_step(parts: Setup, name: str, repeats: int) -> Figure:
    """Return the seconds of a training step, and in a note the device's peak memory."""
    step, on_gpu = make_step(parts), parts.compute.on_gpu
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds = time_in_turn({"step": step}, repeats)["step"]
    note = f"peak {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB" if on_gpu else ""
    return make_median(f"step of {BATCH} slices, {name}", seconds, note)


def make_step(parts: Setup) -> Callable[[], None]:
    """Return a step on a batch that is on the device already; it ends when the device is done."""
    module, local, fabric = parts.module, parts.local, parts.compute.build_fabric()
    parts.compute.prepare_model(module.model)
    fabric.to_device(module)
    optimizer = local.optimizer(module.model.parameters())
    site = parts.sites[TARGET]
    batches = [site.prepare_batch(raw, fabric.device) for raw in site.train_dataloader()]

    def step() -> None:
        list(local.train(module, batches, LocalRule(), optimizer, fabric))
        if parts.compute.on_gpu:
            torch.cuda.synchronize()

    return step
