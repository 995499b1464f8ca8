"""What to call runs beside each other: equal names for equal methods, what differs beside them."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

RunKey = TypeVar("RunKey", bound=Hashable)

_MAX_SHOWN = 3
_IGNORED_KEYS = (
    "seed", "name", "logger", "compute", "engine", "keep_every", "resume", "method", "scenario",
    "strategy.name", "test.saved_volumes", "evaluate",
)  # fmt: skip
_LOCATION_KEYS = ("cache", "folder", "root", "data_dir")
"""Where data lie differs from machine to machine; what they are is told by their fingerprints."""


def describe_differences(
    configs: Mapping[RunKey, Mapping[str, Any]],
    below: Sequence[str] = (),
    ignored: Sequence[str] = (),
) -> dict[RunKey, str]:
    """Gives for each run the settings in which the runs differ, seeds aside: `target=sim_b`.

    Args:
        configs: by run; compared with each other.
        below: only these top-level keys count; empty means all.
        ignored: keys that don't count besides.
    """
    keys = find_differing_keys(configs, below, ignored)
    found = {run: dict(list_settings(config)) for run, config in configs.items()}
    more = f" and {len(keys) - _MAX_SHOWN} more" if len(keys) > _MAX_SHOWN else ""
    return {
        run: ", ".join(f"{key}={shorten_value(leaves.get(key))}" for key in keys[:_MAX_SHOWN])
        + more
        for run, leaves in found.items()
    }


def find_differing_keys(
    configs: Mapping[RunKey, Mapping[str, Any]],
    below: Sequence[str] = (),
    ignored: Sequence[str] = (),
) -> list[str]:
    """Gives the full keys in which configs differ; arguments as for `differences`."""
    leaves = [dict(list_settings(config)) for config in configs.values()]
    return [
        key
        for key in dict.fromkeys(key for found in leaves for key in found)
        if not any(key == left or key.startswith(f"{left}.") for left in (*_IGNORED_KEYS, *ignored))
        and key.rsplit(".", 1)[-1] not in _LOCATION_KEYS
        and (not below or key.split(".")[0] in below)
        and len({repr(found.get(key)) for found in leaves}) > 1
    ]


def format_label(name: str, differences: str) -> str:
    """Gives a name with what differs in brackets."""
    return f"{name} ({differences})" if differences else name


def list_settings(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Gives every setting of a config by its full key, such as `mask.seed`."""
    if not isinstance(node, Mapping):
        yield prefix.rstrip("."), node
        return
    for key, value in node.items():
        yield from list_settings(value, f"{prefix}{key}.")


def shorten_value(value: Any) -> str:
    """Gives a value as labels show it: of a dotted path, the last part."""
    return str(value).rsplit(".", 1)[-1] if isinstance(value, str) else str(value)
