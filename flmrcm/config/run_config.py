"""A run's own config as this version reads it, and typed words laid over it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from flmrcm.config.compose import (
    compose_config,
    expand_words,
    explain_errors,
    gather_problems,
    parse_overrides,
)
from flmrcm.config.conf_files import is_group, read_needed_keys, walk_keys
from flmrcm.config.migration import ADDED_KEYS, migrate_config
from flmrcm.config.words import explain_key, find_key_problems, find_missing_keys
from flmrcm.errors import ConfigErrors, DataLayoutError, FlmrcmError
from flmrcm.run_files import CONFIG, LOCK

# libyaml reads six times as fast, but not every installation has it
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_GENERATED = ("size", "slices", "subjects", "coils", "lesions")
LINKS = {
    "contrast": "contrast", "coils": "coils", "data.seed": "generator.seed",
    "data.simulated.folder": "generator.cache",
    **{f"data.simulated.{name}": f"generator.{name}" for name in _GENERATED},
}  # fmt: skip
"""Keys of a run that its sites take over, and where a site has them."""


def read_config(folder: Path) -> dict[str, Any]:
    """Return the resolved config of the run in a folder, in today's words.

    Raises:
        DataLayoutError: the folder holds no run, or its config is damaged.
    """
    path = folder / CONFIG
    if not path.exists():
        why = f"holds no run (no {CONFIG}); give a folder below outputs/."
        if (folder / LOCK).exists():
            why = f"its run was stopped before it began (no {CONFIG}); start it anew."
        raise DataLayoutError(f"{folder}: {why}")
    try:
        config = yaml.load(path.read_text(), _YAML_LOADER) or {}  # noqa: S506
    except (OSError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise DataLayoutError(f"{path}{line}: not readable ({problem}).") from None
    if not isinstance(config, dict):
        raise DataLayoutError(f"{path}: not the config of a run (no keys and values).")
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
    if OmegaConf.is_dict(run.logger):  # what logs is the run's own choice; this key came later
        run.logger = OmegaConf.merge({"scalars": today.logger.scalars}, run.logger)
    return cast(DictConfig, OmegaConf.create(OmegaConf.to_container(run, resolve=True)))


def overlay_words(own: DictConfig, words: Sequence[str]) -> DictConfig:
    """Return a config with typed groups and values replaced.

    Args:
        own: a run's config, left as it is.
        words: as typed for training; a `group=name` replaces the group's whole node, and files
            beside conf/ are found where the run found them.

    Raises:
        ConfigErrors: every word that isn't understood, or whose group has no node of its own.
    """
    if own.get("searchpath") and not any("searchpath=" in word for word in words):
        words = [f"searchpath=[{','.join(map(repr, own.searchpath))}]", *words]
    words = expand_words(words)
    if problems := find_key_problems("train", words):
        raise ConfigErrors(list(problems.values()))
    changed, overrides = own.copy(), parse_overrides(words)
    OmegaConf.set_struct(changed, False)
    groups = [o for o in overrides if is_group(o.key_or_group, words) and not o.is_delete()]
    typed = _compose_groups([o for o in overrides if o.is_hydra_override()], groups)
    if any(override.key_or_group == "sites" for override in groups):
        changed.pop("split", None)
    steps = [lambda o=override: _replace_node(changed, typed, o) for override in groups]
    rest = [o for o in overrides if o not in groups and not o.is_hydra_override()]
    steps += [lambda o=override: _apply_value(changed, typed, o) for override in rest]
    gather_problems(steps)
    gone = set(_find_gone(changed)) - set(_find_gone(own))
    if gone:
        raise ConfigErrors(sorted(gone))
    _hand_to_sites(own, changed)
    return changed


def _hand_to_sites(own: DictConfig, changed: DictConfig) -> None:
    """Give sites what was typed for all of them, where they have what the run had for all.

    A run's config is resolved: that a site's contrast is the run's is written there no more.
    """
    nodes = [*changed.get("sites", {}).values(), (changed.get("split") or {}).get("source")]
    for key, place in LINKS.items():
        before, now = OmegaConf.select(own, key), OmegaConf.select(changed, key)
        above, _, last = place.rpartition(".")
        holders = [OmegaConf.select(node, above) if above else node for node in nodes if node]
        for holder in holders if before != now else ():
            if OmegaConf.is_dict(holder) and last in holder and holder[last] == before:
                _set(holder, last, now)


def _is_moved(node: Any, default: Any) -> bool:
    """Tell whether arguments of old found their way into a node that doesn't say whose they are."""
    return OmegaConf.is_dict(node) and any(
        OmegaConf.is_dict(inner) and "_target_" not in inner and "_target_" in default.get(name, {})
        for name, inner in node.items()
    )


def _compose_groups(hydra: Sequence[Override], groups: Sequence[Override]) -> DictConfig:
    """Return a training config in which the groups are chosen, whatever sites the run has."""
    chosen = any(override.key_or_group == "sites" for override in groups)
    words = [str(override.input_line) for override in hydra]
    for override in groups:
        adds = bool(override.package) and not chosen and not override.is_add()
        words.append(f"{'+' * adds}{override.input_line}")
    return compose_config("train", words)


def _replace_node(changed: DictConfig, typed: DictConfig, override: Override) -> None:
    key = override.key_or_group
    if override.package is None and key not in typed:
        raise ConfigErrors([f"{key}: changes a whole config; it can't be laid over a run's own."])
    places = [override.package or key]
    if key == "sites" and "split" in typed:
        places.append("split")
    for place in places:
        _set(changed, place, OmegaConf.select(typed, place))


def _apply_value(changed: DictConfig, typed: DictConfig, override: Override) -> None:
    """Set, add or take away one value, as Hydra would.

    Raises:
        ConfigErrors: there is no such key, or several values are typed for it.
    """
    key, line = override.key_or_group, str(override.input_line)
    if override.is_sweep_override():
        raise ConfigErrors([f"{line}: several values make several runs; add -m."])
    first = key.split(".")[0]
    if first not in changed and first in typed:  # a run begun before there was such a node
        _set(changed, first, typed[first])
    above, _, last = key.rpartition(".")
    node = OmegaConf.select(changed, above) if above else changed
    if not OmegaConf.is_dict(node) or (last not in node and not override.is_add()):
        keys = list(walk_keys(cast(dict[str, Any], OmegaConf.to_container(changed))))
        raise ConfigErrors([explain_key("train", key, keys)])
    if override.is_delete():
        del node[last]
        return
    with explain_errors([line]):
        OmegaConf.update(changed, key, override.value(), merge=True, force_add=True)


def _set(changed: DictConfig, key: str, node: Any) -> None:
    value = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
    OmegaConf.update(changed, key, value, merge=False, force_add=True)


def _find_gone(config: DictConfig) -> list[str]:
    return find_missing_keys("train", cast(dict[str, Any], OmegaConf.to_container(config)))
