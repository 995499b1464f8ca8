"""A site that a coordinator calls, and a run's config and calls."""

import json
from dataclasses import replace

import torch

from flmrcm import __version__
from flmrcm.config.build import Builder, to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.learner import build_learner
from flmrcm.config.travelling import (
    dump_config,
    hash_travelling_config,
    select_travelling_config,
)
from flmrcm.remote.connection import CallHeader
from flmrcm.types import Broadcast

WORDS = [
    "sites=bfhi", "target=brats", "compute=cpu", "strategy=scaffold", "model.channels=2",
    "model.pools=2", "local.batch_size=2",
]  # fmt: skip
CFG = compose_config("train", WORDS)
CONFIG = json.loads(
    dump_config(
        select_travelling_config(
            {**to_plain(CFG), "participants": ["brats", "ixi"], "target": "brats"}
        )
    )
)
SAVING = {**CONFIG, "test": {"saved_volumes": 1}}
JOIN = CallHeader("join", __version__, hash_travelling_config(CONFIG), "e" * 16, splits=("train",))
TRAIN = replace(JOIN, op="train")
NOTHING = Broadcast(0, {})


def weights():
    _, module, _ = build_learner(CFG, Builder())
    state = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    zeros = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    return Broadcast(0, state, {"control": zeros})


def describe_run(strategy):
    """Return a run's travelling config, and the header of its calls."""
    words = [word for word in WORDS if not word.startswith("strategy=")]
    cfg = to_plain(compose_config("train", [*words, f"strategy={strategy}"]))
    chosen = {**cfg, "participants": ["brats", "ixi"], "target": "brats"}
    config = json.loads(dump_config(select_travelling_config(chosen)))
    return config, replace(TRAIN, config_hash=hash_travelling_config(config))
