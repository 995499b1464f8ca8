"""What can be told of a model and of optimizers without data, and without the model's memory."""

import inspect
import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from hydra.utils import get_object
from omegaconf import DictConfig
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.optim import Optimizer

from flmrcm.config.build import Builder, find_node_problems, to_plain
from flmrcm.models.reconstructor import Reconstructor

MOST_WEIGHTS = 2**30
"""A model may have so many: 4 GiB, of which each message and each checkpoint holds a copy."""


def find_model_problems(cfg: DictConfig) -> list[str]:
    """Return a line where the model is too large, or too deep for the largest images there may be.

    It's built on torch's meta device, which takes no memory. What can't be built there is left to
    the real building.
    """
    trial, model = Builder(), None
    with _count_weights() as weights, torch.device("meta"):
        model = trial.build("model", cfg.model)
    if sum(weights) > MOST_WEIGHTS:
        return [f"model: has over {MOST_WEIGHTS:,} weights. Lower model.channels or model.pools."]
    size = cfg.data.resolution
    if not isinstance(model, Reconstructor) or type(size) is not int:
        return []
    if model.needs_kspace:  # k-space is read whole, however small its image is cropped
        return []
    problem = model.find_size_problem(size, size)
    return [f"{problem} No image is larger than data.resolution={size}."] if problem else []


def find_optimizer_problems(cfg: DictConfig) -> list[str]:
    """Return a line for each optimizer of a config that couldn't train a single weight."""
    problems: list[str] = []
    for key, node in _walk_nodes(to_plain(cfg.local), "local"):
        problems += _find_optimizer_problems(key, node)
    for key, node in _walk_nodes(to_plain(cfg.strategy), "strategy"):
        problems += _find_optimizer_problems(key, {"lr": 1.0, **node})  # it's given its rate
    return problems


@contextmanager
def _count_weights() -> Generator[list[int]]:
    """Give a list that grows by the size of each parameter made; too many end the building."""
    sizes: list[int] = []

    def add(_module: nn.Module, _name: str, parameter: nn.Parameter) -> None:
        sizes.append(parameter.numel())
        if sum(sizes) > MOST_WEIGHTS:
            raise OverflowError

    hook = register_module_parameter_registration_hook(add)
    try:
        yield sizes
    finally:
        hook.remove()


def _walk_nodes(node: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the nodes that describe an optimizer, and their dotted keys."""
    if not isinstance(node, dict):
        return
    for name, value in cast(dict[str, Any], node).items():
        if isinstance(value, dict) and "_target_" in value:
            yield f"{key}.{name}", value
        yield from _walk_nodes(value, f"{key}.{name}")


def _find_optimizer_problems(key: str, node: dict[str, Any]) -> list[str]:
    if find_node_problems(key, node, {}):
        return []  # told where the node is built
    kind, rate = get_object(node["_target_"]), node.get("lr", 1.0)
    if not inspect.isclass(kind) or not issubclass(kind, Optimizer):
        return []
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
        return [f"{key}.lr={rate}: a finite number above 0."]
    if inspect.signature(kind.step).parameters["closure"].default is inspect.Parameter.empty:
        return [f"{key}: {kind.__name__} looks at a batch more than once; take another."]
    arguments = {name: value for name, value in node.items() if name[0] != "_"}
    try:
        kind([nn.Parameter(torch.zeros(1, 1))], **arguments)
    except Exception as error:  # each optimizer refuses in its own way
        return [f"{key}: {kind.__name__} can't be built: {str(error).splitlines()[0]}."]
    return []
