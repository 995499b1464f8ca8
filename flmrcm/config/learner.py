"""From the config's model, local and compute to a learner with its initial weights."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from flmrcm.config.build import Builder
from flmrcm.federation.local_training import LocalTraining
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.learning.weights import check_weights, find_weights, read_torch_file
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.seeding import seeded


def build_learner(
    cfg: DictConfig, found: Builder
) -> tuple[Compute | None, ReconModule | None, LocalTraining | None]:
    """Gives compute, the learner with its initial weights, and the local training."""
    compute = found.build("compute", cfg.compute)
    local = found.build("local", cfg.local)
    with seeded(cfg.seed, "model"):
        model = found.build("model", cfg.model)
    if not isinstance(model, Reconstructor) or local is None:
        return compute, None, local
    if cfg.get("init_from"):
        found.attempt("init_from", lambda: load_weights(model, Path(cfg.init_from).expanduser()))
    return compute, ReconModule(model, local.optimizer), local


def load_weights(model: Reconstructor, path: Path, content: Any = None) -> None:
    """Loads a checkpoint's weights into a model.

    Args:
        model: changed in place.
        path: of the checkpoint, also for messages.
        content: what the file holds, where it was read before.

    Raises:
        CheckpointError: unreadable, or of another architecture.
    """
    weights = find_weights(content or read_torch_file(path), path)
    check_weights(weights, model, path)
    model.load_state_dict(weights)
