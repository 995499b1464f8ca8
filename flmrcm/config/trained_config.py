"""The config that a checkpoint of ours holds: whether it may be built, and what the file lacks."""

from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import Builder
from flmrcm.config.migration import migrate_config
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg


def find_trained_config(content: Any) -> dict[str, Any] | None:
    """Return the config that a checkpoint of ours holds; None for those of others."""
    config = content.get("config") if isinstance(content, dict) else None
    ours = isinstance(config, dict) and {"strategy", "sites", "mask"} <= set(config)
    return config if ours else None


def find_foreign_classes(trained: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that it would build and that isn't flmrcm's own."""
    return AllowList().find_problems("config", migrate_config(trained))


def list_private_weights(config: DictConfig) -> dict[str, None]:
    """Return the names of the weights that stayed at the sites, in the model's order.

    Args:
        config: of the training, complete; its model and strategy are built.
    """
    builder, node = Builder(), config.strategy
    with torch.device("meta"):
        model = builder.build("model", config.model, Reconstructor)
    # of somebody else's class, its weights can be tested without it
    strategy = builder.build("strategy", node, Strategy) or FedAvg(
        private=node.get("private") or ()
    )
    if model is None:  # told where it is built
        return {}
    suited = builder.attempt("strategy", lambda: strategy.suit(model)) or strategy
    return dict.fromkeys(name for name in model.state_dict() if not suited.is_shared(name))
