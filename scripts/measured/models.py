"""Reconstructors: (k) forward and training step of each, VarNet beside fastMRI's; (l) coils."""

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from flmrcm.config.setup import Setup
from flmrcm.learning.module import ReconModule
from flmrcm.models.unrolled import get_center
from flmrcm.mri.acquisition import center_crop
from flmrcm.mri.normalisation import denormalise
from flmrcm.strategies.base import LocalRule
from flmrcm.types import Batch
from measured.fixtures import TARGET, Size, make_fixture
from measured.measurement import (
    Figure,
    describe_machine,
    make_median,
    make_ratio,
    read_peak_memory,
    run_alone,
    time_in_turn,
)
from measured.work import CPU, load_once

MODELS = ("unet", "unet_complex", "cascade", "modl", "varnet")
STEP, QUICK, COILS = Size(128, 0, 2, 5), Size(32, 0, 2, 2), 8
"""Two slices of 128×128; how wide a network is says `size=small`."""

_LARGEST_DIFFERENCE = 1e-4
"""Of two networks' images in float32, relative; before training rounding is amplified."""

Work = Callable[[], object]


def measure_models(folder: Path, quick: bool) -> list[Figure]:
    """Return the milliseconds and the peak memory of each model's step, and VarNet / fastMRI's."""
    size = QUICK if quick else STEP
    parts = {name: make_coil_parts(folder / name, size, f"model={name}") for name in MODELS}
    forwards = {name: partial(reconstruct, p.module, read_batch(p)) for name, p in parts.items()}
    steps = {name: make_coil_step(p) for name, p in parts.items()}
    peaks = {name: run_alone(measure_peak, folder / name, size, name) for name in MODELS}
    notes = {name: f"its peak is {peak:.0f} MiB above the start's" for name, peak in peaks.items()}
    found = [
        *(
            make_median(f"forward of {n}", t)
            for n, t in time_in_turn(forwards, size.repeats).items()
        ),
        *(
            make_median(f"step of {n}", t, notes[n])
            for n, t in time_in_turn(steps, size.repeats).items()
        ),
    ]
    found += compare_with_fastmri(parts["varnet"], size.repeats)
    return [*found, measure_checkpointing(folder, size), *measure_bf16(parts["varnet"], size)]


def make_coil_parts(folder: Path, size: Size, *words: str) -> Setup:
    """Return a federation of one site whose slices have many coils."""
    words = ("size=small", "coils=multi", f"local.batch_size={size.slices}", *words)
    return make_fixture(folder, {TARGET: size.slices}, size.image, *words, coils=COILS).parts


def read_batch(parts: Setup) -> Batch:
    """Return the site's only batch."""
    site = parts.sites[TARGET]
    (raw,) = site.train_dataloader()
    return site.prepare_batch(raw, CPU)


def make_coil_step(parts: Setup) -> Work:
    """Return a step of the local loop on one batch in memory, to be called again and again."""
    module, batch, fabric = parts.module, read_batch(parts), parts.compute.build_fabric()
    parts.compute.prepare_model(module.model)
    optimizer = parts.local.optimizer(module.model.parameters())
    return lambda: list(parts.local.train(module, [batch], LocalRule(), optimizer, fabric))


@torch.inference_mode()
def reconstruct(module: ReconModule, batch: Batch) -> torch.Tensor:
    """Run the network on a batch."""
    return module.eval()(batch)


def measure_peak(folder: Path, size: Size, model: str, *words: str) -> float:
    """Return by how many MiB a process's peak grows in one training step."""
    step = make_coil_step(make_coil_parts(folder / "alone", size, f"model={model}", *words))
    before = read_peak_memory()
    step()
    return read_peak_memory() - before


def compare_with_fastmri(parts: Setup, repeats: int) -> list[Figure]:
    """Return our VarNet / fastMRI's, forward and step, with equal weights; nothing without it.

    fastMRI's takes one slice at a time: with counts of central lines, its batches raise.

    Raises:
        ValueError: the two give different images, so that their times tell nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fastmri = import_module("fastmri.models")
        except ImportError:
            return []
    node = parts.config["model"]
    theirs = fastmri.VarNet(
        node["cascades"], node["sens_channels"], node["sens_pools"], node["channels"], node["pools"]
    )
    theirs.load_state_dict(parts.module.model.state_dict())
    batch, optimizer = read_batch(parts), parts.local.optimizer(theirs.parameters())
    image = denormalise(reconstruct(parts.module, batch), batch.mean, batch.std).squeeze(1)
    with torch.inference_mode():
        apart = float((image - _reconstruct_by_fastmri(theirs, batch)).norm() / image.norm())
    if not apart < _LARGEST_DIFFERENCE:
        raise ValueError(f"VarNet's images differ from fastMRI's by {apart:.1e}")
    forwards: dict[str, Work] = {
        "ours": partial(reconstruct, parts.module, batch),
        "fastMRI's": torch.inference_mode()(partial(_reconstruct_by_fastmri, theirs, batch)),
    }
    steps: dict[str, Work] = {
        "ours": make_coil_step(parts),
        "fastMRI's": partial(_step_by_fastmri, theirs, batch, optimizer),
    }
    return [
        make_ratio(f"VarNet {kind}, ours / fastMRI's", t["ours"], t["fastMRI's"], "≤ 1.0")
        for kind, works in (("forward", forwards), ("step", steps))
        for t in (time_in_turn(works, repeats),)
    ]


def _reconstruct_by_fastmri(net: nn.Module, batch: Batch) -> torch.Tensor:
    if batch.kspace is None:
        raise TypeError("this network needs k-space")
    lines = get_center(batch)[:, 1].tolist()
    images = [
        net(torch.view_as_real(k[None]), m[None, ..., None], n)
        for k, m, n in zip(batch.kspace, batch.mask, lines, strict=True)
    ]
    return center_crop(torch.cat(images), *batch.image.shape[-2:])


def _step_by_fastmri(net: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer) -> None:
    target = batch.get_target().squeeze(1) * batch.std.view(-1, 1, 1)
    optimizer.zero_grad()
    (_reconstruct_by_fastmri(net, batch) - target).abs().mean().backward()
    optimizer.step()


def measure_checkpointing(folder: Path, size: Size) -> Figure:
    """Return the peak memory of a step with 12 cascades / with 4, activations computed again."""
    peaks = [
        run_alone(
            measure_peak, folder / f"{n}", size, "varnet", f"model.cascades={n}",
            "compute.checkpoint_cascades=true",
        )
        for n in (12, 4)
    ]  # fmt: skip
    name = "VarNet's peak memory, 12 cascades / 4, checkpoint_cascades"
    return make_ratio(name, peaks[:1], peaks[1:], "≤ 1.3", f"{peaks[0]:.0f}, {peaks[1]:.0f} MiB")


def measure_bf16(parts: Setup, size: Size) -> list[Figure]:
    """Return float32 / bf16 for VarNet's forward, and how far the images are apart."""
    if not describe_machine()["bf16"]:
        return []
    batch, exact = read_batch(parts), parts.module

    def in_bf16() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return reconstruct(exact, batch)

    works: dict[str, Work] = {"32-true": partial(reconstruct, exact, batch), "bf16-mixed": in_bf16}
    seconds = time_in_turn(works, size.repeats)
    one, other = reconstruct(exact, batch), in_bf16().float()
    error = float((one - other).norm() / one.norm())
    note = f"images differ by {error:.1%}; Fourier transforms stay float32"
    name = "VarNet forward, 32-true / bf16-mixed"
    return [make_ratio(name, seconds["32-true"], seconds["bf16-mixed"], note=note)]


def measure_coil_loading(folder: Path, quick: bool) -> list[Figure]:
    """Return the slices per second from disk, and from RAM, to a batch of 8 coils."""
    size = QUICK if quick else Size(256, 0, 16, 5)
    works = {
        f"disk to batch, {COILS} coils, {word}": partial(
            load_once, make_coil_parts(folder / word, size, "model=varnet", f"data.{word}")
        )
        for word in ("cache=off", "cache=ram")
    }
    taken = time_in_turn(works, size.repeats)
    return [make_median(name, seconds, slices=size.slices) for name, seconds in taken.items()]
