"""A run's own config, whichever version wrote it, as this one reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf

from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import read_needed_keys
from flmrcm.config.migration import ADDED_KEYS, migrate_config
from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.run_files import CONFIG

# libyaml reads six times as fast, but not every installation has it
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the resolved config of the run in a folder, in today's words.

    Raises:
        DataLayoutError: the folder holds no run, or its config is damaged.
    """
    path = folder / CONFIG
    if not path.exists():
        raise DataLayoutError(
            f"{folder}: holds no run (no {CONFIG}); give a folder below outputs/."
        )
    try:
        config = yaml.load(path.read_text(), _YAML_LOADER)  # noqa: S506
    except (OSError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise DataLayoutError(f"{path}{line}: not readable ({problem}).") from None
    if not isinstance(config, dict) or "strategy" not in config:
        raise DataLayoutError(f"{path}: not the config of a run (no strategy in it).")
    return migrate_config(config)


def complete_config(own: Mapping[str, Any]) -> DictConfig:
    """Return a run's config with today's words, and today's defaults for what it doesn't know.

    Args:
        own: resolved, plain, as the run's folder or its checkpoint holds it.

    Raises:
        FlmrcmError: it lacks what every run's config has.
    """
    if lacking := [key for key in read_needed_keys("train") if key not in {*own, *ADDED_KEYS}]:
        raise FlmrcmError(f"it isn't a whole config of a run; it lacks {', '.join(lacking)}.")
    run, today = OmegaConf.create(migrate_config(own)), compose_config("train", [])
    closed = {key for key, below in read_needed_keys("train").items() if below}
    for key in map(str, today):
        default = OmegaConf.masked_copy(today, [key])[key]
        if key not in run:
            run[key] = default
        elif (key in closed and OmegaConf.is_dict(run[key])) or _is_moved(run[key], default):
            run[key] = OmegaConf.merge(default, run[key])  # a run of before had fewer keys in it
    return cast(DictConfig, OmegaConf.create(OmegaConf.to_container(run, resolve=True)))


def _is_moved(node: Any, default: Any) -> bool:
    """Tell whether arguments of old found their way into a node that doesn't say whose they are."""
    return OmegaConf.is_dict(node) and any(
        OmegaConf.is_dict(inner) and "_target_" not in inner and "_target_" in default.get(name, {})
        for name, inner in node.items()
    )
