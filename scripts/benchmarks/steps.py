"""(c) bf16 against float32; (d) what a training step achieves; (h) channels-last weights."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch.autograd.profiler import profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bed import make_module, make_optimizer
from benchmarks.machine import bf16_flags
from benchmarks.results import Result, clocked, in_turn
from flmrcm.federation.local_training import LocalTraining
from flmrcm.learning.compute import Compute
from flmrcm.seeding import seeded
from flmrcm.strategies.base import LocalRule
from flmrcm.types import Batch

BF16_AT_LEAST = 1.7


class Size(NamedTuple):
    """How big a measured step is."""

    image: int
    channels: int
    batch: int
    repeats: int
    matrix: int


FULL, TINY = Size(256, 32, 4, 5, 2048), Size(32, 4, 2, 2, 256)

KINDS = {
    "convolution": ("conv",),
    "normalisation": ("norm",),
    "activation": ("leaky_relu",),
    "pooling, joining, copying": ("pool", "aten::cat", "copy_", "aten::clone"),
}
"""Parts of operation names, by kind; the optimizer's operations are told by where they run."""


def bf16(_: Path, quick: bool) -> list[Result]:
    """(c) A training step in 32-true over the same step in bf16-mixed."""
    size, flags = TINY if quick else FULL, bf16_flags()
    if not flags:
        return [
            Result("c", "32-true / bf16-mixed", float("nan"), "×", note="skipped: no bf16 here")
        ]
    pair = in_turn(
        clocked(training_step(size, Compute(accelerator="cpu"))),
        clocked(training_step(size, Compute(accelerator="cpu", precision="bf16-mixed"))),
        size.repeats,
    )
    share = shares_by_kind(training_step(size, Compute(accelerator="cpu", precision="bf16-mixed")))
    return [
        Result(
            "c",
            "32-true / bf16-mixed step",
            pair.ratio,
            "×",
            at_least=BF16_AT_LEAST,
            note=f"{_described(size)}; {', '.join(flags)}; in bf16: {_listed(share)}",
            raw=pair.raw,
        )
    ]


def throughput(_: Path, quick: bool) -> list[Result]:
    """(d) Operations per second of a step, over those of a matrix product."""
    size = TINY if quick else FULL
    step = training_step(size, Compute(accelerator="cpu"))
    with FlopCounterMode(display=False) as counter:
        step()
    flops = counter.get_total_flops()
    products, rates = matrix_products(size.matrix), dict[str, float]()
    pairs = {
        name: in_turn(clocked(step), clocked(products[name]), size.repeats) for name in products
    }
    for name, pair in pairs.items():
        rates[name] = 2 * size.matrix**3 / median(pair.second) / 1e9
    best = max(rates, key=lambda name: rates[name])
    rate = flops / median(pairs[best].first) / 1e9
    shares = shares_by_kind(step)
    inside = rate / max(shares["convolution"], 1e-9)
    note = (
        f"{rate:.0f} GFLOP/s ({_described(size)}) over the faster product; "
        f"{', '.join(f'{name} {value:.0f}' for name, value in rates.items())}; convolutions alone "
        f"run at {inside:.0f} ({inside / rates[best]:.0%}); time: {_listed(shares)}"
    )
    raw = pairs[best].raw
    return [
        Result("d", "training step / matrix product", rate / rates[best], "×", note=note, raw=raw)
    ]


def matrix_products(size: int) -> dict[str, Callable[[], object]]:
    """Gives the same float32 product, size × size, by either of torch's libraries.

    On some processors the library behind `torch.mm` is slower than the one behind convolutions,
    and would make a poor yardstick.
    """
    left, right = torch.randn(2, size, size)
    image, kernel = left.view(1, size, -1, size // 4), right.view(size, size, 1, 1)
    return {
        "torch.mm": partial(torch.mm, left, right),
        "1×1 convolution": partial(torch.conv2d, image, kernel),
    }


def channels_last(_: Path, quick: bool) -> list[Result]:
    """(h) A step with default weights over the same with channels-last weights."""
    size = TINY if quick else FULL
    pair = in_turn(
        clocked(training_step(size, Compute(accelerator="cpu"))),
        clocked(training_step(size, Compute(accelerator="cpu", channels_last=True))),
        size.repeats,
    )
    note = f"{_described(size)}; above 1, channels_last is faster"
    return [Result("h", "default / channels_last step", pair.ratio, "×", note=note, raw=pair.raw)]


def training_step(size: Size, compute: Compute) -> Callable[[], object]:
    """Gives a step of the local loop on a batch in memory, to be called again and again."""
    module = make_module(size.channels)
    compute.prepare_model(module.model)
    optimizer = make_optimizer(module.model.parameters())
    local, fabric, batch = LocalTraining(make_optimizer), compute.build_fabric(), random_batch(size)
    return lambda: list(local.train(module, [batch], LocalRule(), optimizer, fabric))


def random_batch(size: Size) -> Batch:
    """Gives a batch of noise; its values don't matter to the clock."""
    n = size.batch
    with seeded("benchmark batch"):
        image, target = torch.randn(2, n, 1, size.image, size.image)
    mask = torch.ones(n, 1, 1, size.image, dtype=torch.bool)
    names = [f"noise/{i}" for i in range(n)]
    return Batch(image, target, torch.zeros(n), torch.ones(n), mask, names, torch.arange(n))


def shares_by_kind(step: Callable[[], object]) -> dict[str, float]:
    """Gives the share of a step's time that each kind of operation takes, largest first."""
    step()
    with profile(use_kineto=False) as profiled:
        step()
    totals = dict.fromkeys((*KINDS, "optimizer", "other"), 0.0)
    for event in profiled.function_events or ():  # pyright: ignore[reportOptionalMemberAccess]
        totals[_kind(event)] += event.self_cpu_time_total
    whole = sum(totals.values())
    return dict(sorted(((k, t / whole) for k, t in totals.items()), key=lambda item: -item[1]))


def _kind(event: object) -> str:
    ancestor = event
    while ancestor is not None:
        if "Optimizer.step" in ancestor.name:  # pyright: ignore[reportAttributeAccessIssue]
            return "optimizer"
        ancestor = ancestor.cpu_parent  # pyright: ignore[reportAttributeAccessIssue]
    name = event.name.lower()  # pyright: ignore[reportAttributeAccessIssue]
    return next((k for k, parts in KINDS.items() if any(p in name for p in parts)), "other")


def _listed(shares: dict[str, float]) -> str:
    return ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items() if share >= 0.005)


def _described(size: Size) -> str:
    return f"{size.channels} channels, {size.batch} × {size.image}²"
