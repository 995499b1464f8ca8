"""Compression: (m) what each scheme makes of a round's update, in bytes, in time and in error."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median

import torch

from flmrcm.middleware.compression.base import Compression
from flmrcm.middleware.compression.bfloat16 import BFloat16
from flmrcm.middleware.compression.powersgd import PowerSGD
from flmrcm.middleware.compression.quantised import Quantised
from flmrcm.middleware.compression.top_k import TopK
from flmrcm.strategies.base import LocalRule
from flmrcm.types import Weights
from measured.fixtures import TARGET, Size
from measured.measurement import Figure, time_in_turn
from measured.work import CPU, make_parts

SCHEMES: Mapping[str, Compression] = {
    "bf16": BFloat16(),
    "int8": Quantised(8),
    "int8, stochastic": Quantised(8, "stochastic"),
    "int4": Quantised(4),
    "top_k 10 %": TopK(0.1),
    "top_k 1 %": TopK(0.01),
    "powersgd, rank 4": PowerSGD(4),
}


def measure_compression(folder: Path, quick: bool) -> list[Figure]:
    """Return the bytes a weight of a round's update, by scheme; and milliseconds per million."""
    changes = make_update(folder, Size(32, 4, 4, 1) if quick else Size(128, 32, 32, 3))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    figures = [measure_scheme(name, scheme, changes, quick) for name, scheme in SCHEMES.items()]
    torch.set_num_threads(threads)
    return figures


def measure_scheme(name: str, scheme: Compression, changes: Weights, quick: bool) -> Figure:
    """Return a scheme's bytes for each weight; its note has the times and the relative error."""
    payload = scheme.shrink(changes, 1)
    shapes = {name: change.shape for name, change in changes.items()}
    works = {
        "shrink": partial(scheme.shrink, changes, 1),
        "restore": partial(scheme.restore, payload, shapes),
    }
    taken = time_in_turn(works, 1 if quick else 5, time.process_time)
    million = sum(change.numel() for change in changes.values()) / 1e6
    times = ", ".join(f"{w} {1e3 * median(s) / million:.1f}" for w, s in taken.items())
    error = compute_error(scheme, payload, changes)
    note = f"processor ms per million weights: {times}; error {error:.4f}"
    size = sum(part.nbytes for part in payload.values()) / million / 1e6
    return Figure(f"{name}", size, "bytes a weight", "", note, taken)


def compute_error(scheme: Compression, payload: Weights, changes: Weights) -> float:
    """Return the length of what a scheme loses of changes, as a share of theirs."""
    sent = scheme.restore(payload, {name: change.shape for name, change in changes.items()})
    lost = torch.stack([(sent[name] - change).norm() for name, change in changes.items()]).norm()
    return float(lost / torch.stack([change.norm() for change in changes.values()]).norm())


def make_update(folder: Path, size: Size) -> Weights:
    """Return how far an epoch at one site moves the weights of a network."""
    parts = make_parts(folder, size)
    module, local, fabric = parts.module, parts.local, parts.compute.build_fabric()
    parts.compute.prepare_model(module.model)
    before = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    optimizer = local.optimizer(module.model.parameters())
    site = parts.sites[TARGET]
    batches = (site.prepare_batch(raw, CPU) for raw in site.train_dataloader())
    for _ in local.train(module, batches, LocalRule(), optimizer, fabric):
        pass
    after = module.model.state_dict()
    return {name: after[name] - tensor for name, tensor in before.items()}
