"""A run's config as it travels to sites: all that changes the numbers, no path, and no code.

The coordinator sends only the keys below; a site takes only them, looks at every class that they
name, and adds what is its own: where its data lie, which of them it gives, and its device.
"""

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import to_plain
from flmrcm.config.identity import hash_config
from flmrcm.config.sites import list_site_nodes
from flmrcm.errors import SiteRefuses

AT_THE_SITE = "at the site"
"""Takes the place of a folder in the config of a run whose data lie elsewhere."""

SITE_NAME = re.compile(r"\w[\w.-]{0,63}")
"""What a site may be called: its name becomes that of folders, keys and certificates."""

TRAVELLING_GROUPS = (
    "mask", "model", "model_size", "maps", "strategy", "local", "loss", "metrics", "middleware",
    "privacy", "compression", "secure_aggregation", "augmentation",
)  # fmt: skip
"""The config groups whose classes a travelling config may name."""

_CONTRAST = re.compile(r"\w[\w+-]{0,31}")
_OF_A_SITE = ("contrast", "coils", "mask")
"""All that a run says about the data of a site elsewhere; beside it stands perhaps its loss."""

_ITS_OWN: Mapping[str, Any] = {
    "slices": None, "foreground": None, "sample_rate": 1.0, "phase_encoding": None,
}  # fmt: skip
"""Which of its data a site gives, and how they lie, is its own word; a run leaves these alone."""

_TRAVELS = (
    "seed", "rounds", "target", "participants", "pooled", "budget", "participation",
    "validate_every", "contrast", "coils", "mask", "model", "maps", "strategy", "local", "loss",
    "metrics", "middleware", "privacy", "compression", "secure_aggregation", "augmentation",
)  # fmt: skip
_DATA = ("seed", "resolution", "clamp_target")
TRAVELLING_KEYS = (*_TRAVELS, "sites", "data", "engine", "test", "compute")


def has_remote_sites(cfg: DictConfig) -> bool:
    """Return whether the config's engine calls sites whose data this machine cannot read."""
    return not getattr(get_object(cfg.engine["_target_"]), "data_is_local", True)


def find_split_problems(cfg: DictConfig) -> list[str]:
    """Return a problem line where one data set is split among sites that hold their own."""
    of = (cfg.get("split") or {}).get("of")
    return [
        f"split.of={of}: splits one data set among sites, on one machine; use engine=in_process."
    ] * bool(of)


def find_site_words(cfg: DictConfig) -> list[str]:
    """Return a problem line for each word about data that is a remote site's own to say."""
    typed = {
        f"sites.{name}.{key}": (node.get(key, default), default)
        for name, node in list_site_nodes(cfg).items()
        for key, default in _ITS_OWN.items()
    }
    typed["val_sample_rate"] = cfg.val_sample_rate, 1.0
    typed["data.skip_broken"] = cfg.data.skip_broken, False
    return [
        f"{key}={value}: a site elsewhere says so itself, in its site.yaml (data:); leave it out."
        for key, (value, default) in typed.items()
        if value != default
    ]


def remove_data_paths(cfg: DictConfig) -> DictConfig:
    """Return a config that says of its sites' data only what sites elsewhere are told."""
    config = to_plain(cfg)
    return OmegaConf.create({**config, "sites": _select_sites(config), "data_dir": None})


def select_travelling_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved config that is sent to sites; it holds no path."""
    part = {key: config[key] for key in _TRAVELS if key in config}
    if not part.get("augmentation"):  # runs from before there was such a key keep their identifier
        part.pop("augmentation", None)
    return part | {
        "sites": _select_sites(config),
        "data": {key: config["data"][key] for key in _DATA},
        "engine": {},
        "test": {"saved_volumes": config["test"]["saved_volumes"]},
        "compute": {"precision": config["compute"]["precision"]},
    }


def _select_sites(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"root": AT_THE_SITE}
        | {key: node[key] for key in _OF_A_SITE if key in node}
        # runs from before there was such a key have to keep their identifier
        | ({"loss": node["loss"]} if node.get("loss") else {})
        for name, node in config["sites"].items()
    }


def accept_travelling_config(
    config: Mapping[str, Any], site: str, allowed: AllowList
) -> dict[str, Any]:
    """Return what a site takes of a config that arrived; nothing of it has been built.

    Args:
        config: as it arrived.
        site: the site's own name.
        allowed: the classes that may be built.

    Raises:
        SiteRefuses: it names a class that is not allowed, holds a key that doesn't travel, a name
            that is none, or an interpolation; or the run has no site of that name.
    """
    problems = allowed.find_problems("config", config) or [
        f"{key}: isn't among what travels." for key in config if key not in TRAVELLING_KEYS
    ]
    if problems:
        raise SiteRefuses("\n".join(problems), "config")
    try:
        taken = select_travelling_config(config)
    except (AttributeError, KeyError, TypeError) as error:
        raise SiteRefuses(f"no travelling config: {error!r}.", "config") from None
    sites, node = taken["sites"], taken["sites"].get(site)
    if not all(SITE_NAME.fullmatch(name) for name in sites):
        raise SiteRefuses("sites: names of letters, digits, _, - and .", "config")
    if node is None:
        raise SiteRefuses(f"the run has no site {site}, but {', '.join(sites)}.", "unknown_site")
    for contrast in (taken.get("contrast"), node.get("contrast")):
        if contrast is not None and not _CONTRAST.fullmatch(str(contrast)):
            raise SiteRefuses("contrast: a word such as T1.", "config")
    # a site needs no more of the others than their names
    others = {name: {"root": AT_THE_SITE, "contrast": "T1", "coils": "auto"} for name in sites}
    return {**taken, "sites": {**others, site: node}}


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
    return blake2b(f"{run}/{_dump_lasting(travels)}".encode(), digest_size=8).hexdigest()


def digest_experiment(travels: Mapping[str, Any]) -> str:
    """Return 32 hexadecimal digits of all that stays as it is when a run is resumed.

    A site counts them itself, and keeps its memory below them: a coordinator can't have what one
    config left in it read by another, whatever identifier it gives the run.
    """
    return blake2b(_dump_lasting(travels).encode(), digest_size=16).hexdigest()


def _dump_lasting(travels: Mapping[str, Any]) -> str:
    return dump_config({key: value for key, value in travels.items() if key != "rounds"})
