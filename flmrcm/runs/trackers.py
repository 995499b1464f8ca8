"""From the config's `logger` to what is shown of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from pytorch_lightning.loggers import Logger

from flmrcm.config.build import Builder
from flmrcm.config.setup import Setup
from flmrcm.federation.journal import Tracker
from flmrcm.learning.metrics import describe_metrics
from flmrcm.tracking.lightning import LightningTracker, list_arguments
from flmrcm.tracking.run_info import RunInfo, describe_training
from flmrcm.tracking.scalars import CHOICES, Scalars
from flmrcm.tracking.window import Window

SCALARS = "scalars"
"""The one key of `logger` that names no logger."""


def build_trackers(setup: Setup, folder: Path) -> list[Tracker]:
    """Return the trackers that the config's `logger` names; nothing is written yet.

    Args:
        setup: of the run.
        folder: of the run.

    Raises:
        ConfigErrors: a logger can't be built.
    """
    nodes = dict(setup.config["logger"])
    run = describe_training(folder, setup.config, setup.strategy.needs_target)
    builder = Builder()
    scalars = builder.attempt("logger", lambda: _build_scalars(setup, nodes))
    built = {
        f"logger.{name}": _build_tracker(builder, name, node, run)
        for name, node in nodes.items()
        if name != SCALARS
    }
    builder.raise_if_any()
    return [Window(key, tracker, scalars) for key, tracker in built.items()] if scalars else []


def _build_scalars(setup: Setup, nodes: Mapping[str, Any]) -> Scalars:
    config = setup.config
    about = describe_metrics(setup.module.metrics)
    better = {name: bool(each["higher_is_better"]) for name, each in about.items()}
    choice = nodes.get(SCALARS, CHOICES[0])  # runs of before had no such key
    return Scalars(choice, config["participants"], config["target"], better, config["pooled"])


def _build_tracker(builder: Builder, name: str, node: Any, run: RunInfo) -> Any:
    """Return a tracker of ours, or one that hands on to a logger of Lightning's."""
    kind = _find_lightning_class(node)
    if kind is None:
        return builder.build(f"logger.{name}", node, Tracker, run=run)
    told = {k: v for k, v in list_arguments(kind, run, name).items() if k not in node}
    logger = builder.build(f"logger.{name}", node, **told)
    return logger and LightningTracker(logger, run, name)


def _find_lightning_class(node: Any) -> type[Logger] | None:
    try:
        kind = get_object(node["_target_"])
    except Exception:  # the builder says what is wrong with it
        return None
    return kind if isinstance(kind, type) and issubclass(kind, Logger) else None
