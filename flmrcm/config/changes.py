"""In what a run's config differs from the defaults: what its user chose."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from omegaconf import OmegaConf

from flmrcm.config.compose import compose_config
from flmrcm.config.sites import choose_participants, choose_target

_PLACES = ("cache", "folder", "root", "data_dir", "name")
"""Paths and names: they say where, not what."""

_ABSENT = object()


class Change(NamedTuple):
    """A setting that isn't the default's.

    Attributes:
        key: dotted.
        value: the run's own.
        default: of `flmrcm train` without a word; None where the defaults have no such key.
    """

    key: str
    value: Any
    default: Any


def list_changes(config: Mapping[str, Any]) -> list[Change]:
    """Return the settings of a run that differ from those of `flmrcm train` without a word.

    Args:
        config: the run's, resolved, plain, in today's words.
    """
    today = compose_config("train", [])
    default = cast(dict[str, Any], OmegaConf.to_container(today, resolve=True))
    default["participants"] = choose_participants(today)
    default["target"] = choose_target(today.target, today)
    own = dict(config)
    for node in (own, default):
        # a site is its name here; what a site sets is in the run's config.yaml
        node["sites"] = list(node.get("sites") or ())
    return [*_compare(own, default)]


def _compare(own: Any, default: Any, prefix: str = "") -> Iterator[Change]:
    if not (isinstance(own, Mapping) and own):
        if own != default:
            yield Change(prefix.rstrip("."), own, None if default is _ABSENT else default)
        return
    for key, value in own.items():
        if key in _PLACES and (prefix or key != "name"):
            continue
        of_default = default.get(key, _ABSENT) if isinstance(default, Mapping) else _ABSENT
        yield from _compare(value, of_default, f"{prefix}{key}.")
