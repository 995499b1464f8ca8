"""Normalisation layers: which a model may have, and batch norms that do not count for a while."""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from torch import nn

from flmrcm.errors import ConfigErrors, check_choice

INSTANCE, INSTANCE_AFFINE, GROUP, BATCH = "instance", "instance_affine", "group", "batch"
NORMS = (INSTANCE, INSTANCE_AFFINE, GROUP, BATCH)
_GROUPS = 8


def check_norm(norm: str, allowed: Sequence[str] = NORMS) -> None:
    """Refuse a norm that a model cannot take.

    Raises:
        ConfigErrors: it is none of those allowed.
    """
    if problems := check_choice("model.norm", norm, allowed):
        raise ConfigErrors(problems)


def build_norm(norm: str, channels: int) -> nn.Module:
    """Return a layer on features, (batch, channels, height, width).

    Args:
        norm: `instance` makes mean and variance of each channel of each image 0 and 1, without
            weights (Ulyanov et al., arXiv 1607.08022); `instance_affine` gives each channel a
            learned scale and shift after it; `group` does so for groups of channels, 8 or as many
            of them as divide the channels (Wu and He, ECCV 2018); `batch` for each channel of all
            images of a batch, and counts running statistics that evaluation uses (Ioffe and
            Szegedy, ICML 2015).
        channels: of the features.
    """
    if norm == BATCH:
        return nn.BatchNorm2d(channels)
    if norm == GROUP:
        return nn.GroupNorm(math.gcd(_GROUPS, channels), channels)
    return nn.InstanceNorm2d(channels, affine=norm == INSTANCE_AFFINE)


def has_statistics(network: nn.Module) -> bool:
    """Return whether a network counts running statistics."""
    return any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


@contextmanager
def hold_statistics(network: nn.Module) -> Generator[None]:
    """Keep what a network sees meanwhile out of its running statistics; all else is as before."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    # put back rather than switched off: what is computed again has to save the same tensors
    counted = [(buffer, buffer.clone()) for layer in layers for buffer in layer.buffers()]
    try:
        yield
    finally:
        for buffer, value in counted:
            # by `data`: a backward pass takes no statistics, but asks whether they were touched
            buffer.data.copy_(value)
