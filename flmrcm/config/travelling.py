"""A run's config as it travels to sites: all that changes the numbers, and no path."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from flmrcm.config.build import to_plain
from flmrcm.config.identity import hash_config

AT_THE_SITE = "at the site"
"""Takes the place of a folder in the config of a run whose data lie elsewhere."""

_LEFT_OUT = {"root": AT_THE_SITE, "generator": None, "policy": None, "folder": None}
_TRAVELS = (
    "seed", "rounds", "target", "participants", "pooled", "budget", "participation",
    "validate_every", "contrast", "coils", "val_sample_rate", "sites", "mask", "model",
    "strategy", "local", "loss", "metrics", "middleware",
)  # fmt: skip
_DATA = ("seed", "resolution", "clamp_target", "skip_broken")


def has_remote_sites(cfg: DictConfig) -> bool:
    """Return whether the config's engine calls sites whose data this machine cannot read."""
    return not getattr(get_object(cfg.engine["_target_"]), "data_is_local", True)


def find_split_problems(cfg: DictConfig) -> list[str]:
    """Return a problem line where one data set is split among sites that hold their own."""
    of = (cfg.get("split") or {}).get("of")
    return [
        f"split.of={of}: splits one data set among sites, on one machine; use engine=in_process."
    ] * bool(of)


def remove_data_paths(cfg: DictConfig) -> DictConfig:
    """Return a config without the folders of its sites' data."""
    config = to_plain(cfg)
    sites = {name: {**node, **_LEFT_OUT} for name, node in config["sites"].items()}
    return OmegaConf.create({**config, "sites": sites, "data_dir": None})


def select_travelling_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved config that is sent to sites; it holds no path."""
    part = {key: config[key] for key in _TRAVELS if key in config}
    return part | {
        "sites": {name: {**node, **_LEFT_OUT} for name, node in config["sites"].items()},
        "data": {key: config["data"][key] for key in _DATA},
        "engine": {},
        "test": {"saved_volumes": config["test"]["saved_volumes"]},
        "compute": {"precision": config["compute"]["precision"]},
    }


def dump_config(travels: Mapping[str, Any]) -> str:
    """Return a travelling config as one line."""
    return json.dumps(travels, ensure_ascii=False, sort_keys=True)


def hash_travelling_config(travels: Mapping[str, Any]) -> str:
    """Return the hash of a travelling config, as this version of the package computes it."""
    ordered = json.loads(dump_config(travels))  # one order of keys, wherever it is computed
    return hash_config(_root_=DictConfig(ordered))


def build_run_id(travels: Mapping[str, Any], run: str) -> str:
    """Return 16 hexadecimal digits under which sites keep their private state of a run.

    Args:
        travels: the run's config; its rounds do not count, since a resumed run may have more.
        run: the name of its folder, so that two runs of one config have two identifiers.
    """
    kept = {key: value for key, value in travels.items() if key != "rounds"}
    return blake2b(f"{run}/{dump_config(kept)}".encode(), digest_size=8).hexdigest()
