"""Typed words laid over a run's own config: what isn't typed stays as it was."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from flmrcm.config.compose import compose_config, expand_words, explain_errors, is_group
from flmrcm.errors import ConfigErrors


def overlay_words(own: DictConfig, words: Sequence[str]) -> DictConfig:
    """Gives a config with typed groups and values replaced.

    Args:
        own: a run's config, left as it is.
        words: as typed for training; a `group=name` replaces the group's whole node.

    Raises:
        ConfigErrors: a word Hydra doesn't understand, or a group that has no node of its own.
    """
    words = expand_words(words)
    typed, changed = compose_config("train", words), own.copy()
    OmegaConf.set_struct(changed, False)
    with explain_errors(words):
        overrides = OverridesParser.create().parse_overrides(list(words))
    if any(override.key_or_group == "sites" for override in overrides):
        changed.pop("split", None)
    for override in sorted(overrides, key=lambda override: not is_group(override.key_or_group)):
        for key in _list_keys(override, typed):
            node = OmegaConf.select(typed, key)
            value = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
            OmegaConf.update(changed, key, value, merge=False, force_add=True)
    return changed


def _list_keys(override: Override, typed: DictConfig) -> list[str]:
    key = override.key_or_group
    if not is_group(key):
        return [key]
    if override.package:
        return [override.package]
    if key not in typed:
        raise ConfigErrors([f"{key}: changes a whole config; it can't be laid over a run's own."])
    return [key, "split"] if key == "sites" and "split" in typed else [key]
