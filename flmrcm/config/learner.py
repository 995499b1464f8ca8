"""From the config's model, local and compute to a learner with its initial weights."""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.run_config import complete_config
from flmrcm.config.sites import list_site_nodes
from flmrcm.config.trained_config import (
    find_foreign_classes,
    find_trained_config,
    list_private_weights,
)
from flmrcm.config.trial import find_model_problems, find_optimizer_problems
from flmrcm.errors import CheckpointError
from flmrcm.federation.local_training import LocalTraining
from flmrcm.files import expand_home
from flmrcm.learning.compute import Compute
from flmrcm.learning.losses import Loss
from flmrcm.learning.metrics import DEFAULT_METRICS, Metric
from flmrcm.learning.module import ReconModule
from flmrcm.learning.weights import (
    check_weights,
    find_weights,
    match_weights,
    read_torch_file,
)
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.seeding import seeded

log = logging.getLogger(__name__)

CHOOSING = "psnr"
"""The metric by which the best round is chosen."""


def build_learner(
    cfg: DictConfig, found: Builder
) -> tuple[Compute | None, ReconModule | None, LocalTraining | None]:
    """Return compute, the learner with its initial weights, and the local training."""
    compute = found.build("compute", cfg.compute, Compute)
    local = found.build("local", cfg.local, LocalTraining)
    found.problems += find_optimizer_problems(cfg)
    if problems := find_model_problems(cfg):
        found.problems += problems
        return compute, None, local
    with seeded(cfg.seed, "model"):
        model = found.build("model", cfg.model, Reconstructor)
    if model is None or local is None:
        return compute, None, local
    if cfg.get("init_from"):
        found.attempt("init_from", lambda: _load_initial(model, expand_home(cfg.init_from)))
    loss = found.build("loss", cfg.loss, Loss) if cfg.get("loss") else None
    metrics = build_metrics(cfg, found)
    return compute, ReconModule(model, local.optimizer, loss, metrics), local


def build_site_losses(cfg: DictConfig, found: Builder) -> dict[str, Loss]:
    """Return the losses of sites that have one of their own, by the site's name."""
    nodes = {name: node.get("loss") for name, node in list_site_nodes(cfg).items()}
    built = {
        name: found.build(f"sites.{name}.loss", node, Loss) for name, node in nodes.items() if node
    }
    return {name: loss for name, loss in built.items() if loss is not None}


def build_metrics(cfg: DictConfig, found: Builder) -> dict[str, Metric]:
    """Return the metrics a config names; those of a run from before there was such a key."""
    nodes = to_plain(cfg.get("metrics")) or {}
    built = {name: found.build(f"metrics.{name}", node, Metric) for name, node in nodes.items()}
    if built and CHOOSING not in built:
        found.problems.append(f"metrics: keep {CHOOSING} among them; best.pt is chosen by it.")
    return {name: m for name, m in built.items() if m is not None} or {**DEFAULT_METRICS}


def _load_initial(model: Reconstructor, path: Path) -> None:
    """Load the weights that a run starts from; what stayed at another run's sites stays as it is.

    Raises:
        CheckpointError: unreadable, of another architecture, or with values that aren't finite.
    """
    content, private = read_torch_file(path), dict[str, None]()
    trained = find_trained_config(content)
    if trained is not None and not find_foreign_classes(trained):
        private = list_private_weights(complete_config(trained))
    load_weights(model, path, content, private)
    if kept := [name for name in model.state_dict() if name in private]:
        log.info(
            "%s: %d weights stayed at its sites, %s, …; they start anew.", path, len(kept), kept[0]
        )


def load_weights(
    model: Reconstructor, path: Path, content: Any = None, private: Collection[str] = ()
) -> None:
    """Load a checkpoint's weights into a model.

    Args:
        model: changed in place.
        path: of the checkpoint, also for messages.
        content: what the file holds, where it was read before.
        private: names of weights that stayed at the sites; the model keeps its own for those the
            file lacks.

    Raises:
        CheckpointError: unreadable, of another architecture, or with values that aren't finite.
    """
    kept = {name: tensor for name, tensor in model.state_dict().items() if name in private}
    tensors = find_weights(content or read_torch_file(path), path)
    weights = {**kept, **match_weights(tensors, model, path, kept)}
    check_weights(weights, model, path)
    for name, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                f"{path}: {name} holds values that aren't finite; whatever wrote it had failed. "
                "Take an earlier checkpoint."
            )
    model.load_state_dict(weights)
