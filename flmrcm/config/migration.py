"""What keys and classes were called before: old runs are read, old words name the new ones."""

from collections.abc import Iterator, Mapping
from typing import Any

from flmrcm.config.conf_files import read_key_tree

RENAMED_KEYS: Mapping[str, str] = {
    "robust.bench_after": "robust.suspend_after",
    "robust.bench_for": "robust.suspend_for",
    "robust.norm_factor": "middleware.reply_validation.norm_factor",
    "robust.largest_reply": "middleware.reply_validation.largest_reply",
    "engine.wire": "middleware.wire.kind",
    "judged": "test_sites",
    "evaluate.judged": "evaluate.test_sites",
}
"""Dotted key of version 0.1.0 → what it's called now; of training, and of `flmrcm evaluate`."""

RENAMED_TARGETS: Mapping[str, str] = {
    "flmrcm.data.prepare.": "flmrcm.prepare.",
    "flmrcm.engines.flower.FlowerSites": "flmrcm.remote.flower.engine.FlowerEngine",
    "flmrcm.engines.nvflare.NVFlareSites": "flmrcm.remote.nvflare.engine.NVFlareEngine",
    "flmrcm.models.discriminator.discriminator": "flmrcm.models.discriminator.build_discriminator",
    "flmrcm.physics.combination.": "flmrcm.mri.coil_combination.",
    "flmrcm.physics.": "flmrcm.mri.",
    "flmrcm.simulation.simulated.": "flmrcm.simulation.simulated_site.",
}
"""What a `_target_` of version 0.1.0 begins with → what it begins with now; the first that fits."""


ADDED_KEYS = (
    "searchpath", "robust", "loss", "metrics", "middleware", "accept_lost_journal", "maps",
    "privacy", "compression", "secure_aggregation", "ema", "early_stopping", "augmentation",
)  # fmt: skip
"""Keys that a run's config may lack, since there weren't any when it was begun."""


def find_new_name(key: str) -> str | None:
    """Return what a key, or the node it lies in, is called now; None for a key that stands."""
    for old, new in _list_renamed():
        if key == old or key.startswith(f"{old}."):
            return new + key.removeprefix(old)
    return None


def find_new_target(target: str) -> str | None:
    """Return what a `_target_` is called now; None for one that stands."""
    new = _replace_start(target, RENAMED_TARGETS)
    return None if new == target else new


def migrate_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a run of version 0.1.0 in the words of this one; others as they are.

    Args:
        config: plain dicts, lists and values; left as it is.
    """
    migrated = _rename_targets(config, RENAMED_TARGETS)
    for old, new in _list_renamed():
        _move(migrated, old, new)
    return migrated


def restore_first_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config of today in the words of version 0.1.0, as far as that had any for it."""
    restored = _rename_targets(config, {new: old for old, new in RENAMED_TARGETS.items()})
    for old, new in RENAMED_KEYS.items():
        _move(restored, new, old)
    return restored


def _list_renamed() -> Iterator[tuple[str, str]]:
    """Give the renamed keys whose new place there is."""
    places = {"evaluate", *read_key_tree("train"), *read_key_tree("evaluate")}
    return ((old, new) for old, new in RENAMED_KEYS.items() if new.split(".")[0] in places)


def _select(node: Any, path: list[str]) -> dict[str, Any] | None:
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _move(config: dict[str, Any], old: str, new: str) -> None:
    *above, last = old.split(".")
    node = _select(config, above)
    if node is None or last not in node:
        return
    value, place = node.pop(last), config
    *path, name = new.split(".")
    for key in path:
        place = place.setdefault(key, {})
    place.setdefault(name, value)


def _rename_targets(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_rename_targets(item, names) for item in node]
    if not isinstance(node, Mapping):
        return node
    return {
        key: _replace_start(value, names)
        if key == "_target_" and isinstance(value, str)
        else _rename_targets(value, names)
        for key, value in node.items()
    }


def _replace_start(name: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
