"""Where and how tensors are computed: one description for Fabric and for Trainer."""

import ctypes
import logging
import platform
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from pytorch_lightning import Trainer
from torch import nn

from flmrcm.errors import ConfigErrors, check_choice, require
from flmrcm.learning.precision import (
    AUTO,
    BFLOAT16,
    FLOAT32,
    PRECISIONS,
    TENSOR_FLOAT32,
    allow_tensor_float32,
    choose_precision,
    has_bfloat16,
    has_tensor_float32,
)
from flmrcm.learning.processor import describe_processor
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.models.unrolled import Cascaded

log = logging.getLogger(__name__)

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's numbers, malloc.h
_IGNORED_WARNINGS = (
    ".*does not have many workers.*",
    ".*GPU available but not used.*",
    ".*LeafSpec.*",
)


@dataclass(frozen=True)
class Compute:
    """The device and the arithmetic.

    Args:
        accelerator: auto | cpu | gpu.
        device: index of the GPU to use.
        precision: `32-true`, `bf16-mixed`, or `auto`, which becomes one of them: the second where
            the device has instructions for bfloat16. `tf32` is float32 whose products a GPU rounds
            to 10 bits of mantissa.
        workers: loader processes per site.
        compile: compile the model, or its denoisers, with torch.compile; the first steps take
            longer.
        channels_last: keep weights in channels-last order.
        checkpoint_cascades: compute a cascade's activations again in the backward pass instead of
            keeping them; models that are a row of cascades have that.
        memory_budget: GiB of sites' private memory kept in RAM; the rest waits on disk.

    Raises:
        ConfigErrors: an unknown precision, one the device hasn't, or no GPU where one is asked for.
    """

    accelerator: str = "auto"
    device: int = 0
    precision: str = "32-true"
    workers: int = 0
    compile: bool = False
    channels_last: bool = False
    checkpoint_cascades: bool = False
    memory_budget: float = 4.0

    def __post_init__(self) -> None:
        problems = check_choice("compute.accelerator", self.accelerator, ("auto", "cpu", "gpu"))
        if self.precision == "16-mixed":
            problems.append(
                "compute.precision=16-mixed: its loss scaling disturbs the strategies' gradient "
                "corrections; use bf16-mixed or 32-true."
            )
        else:
            problems += check_choice("compute.precision", self.precision, PRECISIONS)
        if problems:
            raise ConfigErrors(problems)
        if self.precision == AUTO:
            object.__setattr__(self, "precision", choose_precision(self.on_gpu))
        gpus = torch.cuda.device_count()
        require(
            {
                "compute.accelerator=gpu": (
                    self.accelerator != "gpu" or gpus > 0,
                    "this machine shows torch no GPU; use compute=cpu or compute=auto.",
                ),
                "compute.device": (
                    not self.on_gpu or self.device < gpus,
                    f"there are {gpus} GPUs, counted from 0; got {self.device}.",
                ),
                "compute.precision=tf32": (
                    self.precision != TENSOR_FLOAT32
                    or has_tensor_float32(self.on_gpu, self.device),
                    "arithmetic of Nvidia's GPUs since Ampere, and this run computes on "
                    f"{'an older one' if self.on_gpu else 'the processor'}; use 32-true.",
                ),
                "compute.memory_budget": (
                    self.memory_budget >= 0,
                    f"0 GiB or more; got {self.memory_budget}.",
                ),
            }
        )

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU will be used."""
        return self.accelerator != "cpu" and torch.cuda.device_count() > 0

    @property
    def device_name(self) -> str:
        """The GPU's name, or the processor's with its vector instructions."""
        return torch.cuda.get_device_name(self.device) if self.on_gpu else describe_processor()

    def build_fabric(self) -> Fabric:
        """Return the toolbox of the local loop."""
        with silence_lightning():
            fabric = Fabric(**self._choose_device())
            fabric.to_device(torch.empty(0))  # the first time it tells of matrix products
            return fabric

    def trainer(self) -> Trainer:
        """Return the Trainer that validates and tests; it writes and shows nothing."""
        with silence_lightning():
            return Trainer(
                **self._choose_device(),
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                use_distributed_sampler=False,
            )

    def _choose_device(self) -> dict[str, Any]:
        allow_tensor_float32(self.precision == TENSOR_FLOAT32)
        devices = [self.device] if self.on_gpu else 1
        accelerator = "gpu" if self.on_gpu else "cpu"
        precision = FLOAT32 if self.precision == TENSOR_FLOAT32 else self.precision
        return {"accelerator": accelerator, "devices": devices, "precision": precision}

    def prepare_model(self, model: nn.Module) -> None:
        """Arranges a model's weights and compiles it, in place: its parameter names stay."""
        if self.precision == BFLOAT16 and not has_bfloat16(self.on_gpu):
            log.warning(
                "compute.precision=bf16-mixed: this device has no bfloat16 instructions, so a "
                "round may take ten times as long; auto or 32-true doesn't."
            )
        if not self.on_gpu:
            keep_freed_memory()
        if self.channels_last:
            model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        if isinstance(model, Cascaded):
            model.checkpoint_cascades = self.checkpoint_cascades
        if self.compile:
            for part in model.compiled_parts if isinstance(model, Reconstructor) else [model]:
                part.compile()


@contextmanager
def silence_lightning() -> Generator[None]:
    """Keep Lightning's advice about devices and loader workers off the terminal."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for text in _IGNORED_WARNINGS:
                warnings.filterwarnings("ignore", text)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def keep_freed_memory() -> None:
    """Has glibc keep freed memory instead of faulting it in anew at each step, on Linux.

    Activations of a training step are freed and asked for again; giving them back to the system in
    between costs a step on a CPU 8–10 % (`scripts/benchmark.py a` counts the page faults).
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_MMAP_THRESHOLD, 32 * 2**20)
