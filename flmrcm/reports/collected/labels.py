"""What to call runs beside each other: equal names for equal methods, what differs beside them."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)

_TOLD = 3
_UNTOLD = (
    "seed", "name", "logger", "compute", "engine", "keep_every", "resume", "method", "scenario",
    "strategy.name", "test.saved_volumes", "evaluate",
)  # fmt: skip
_PLACES = ("cache", "folder", "root", "data_dir")
"""Where data lie differs from machine to machine; what they are is told by their fingerprints."""


def differences(
    configs: Mapping[Key, Mapping[str, Any]],
    below: Sequence[str] = (),
    untold: Sequence[str] = (),
) -> dict[Key, str]:
    """Gives for each run the settings in which the runs differ, seeds aside: `target=sim_b`.

    Args:
        configs: by run; compared with each other.
        below: only these top-level keys count; empty means all.
        untold: keys that don't count besides.
    """
    keys = differing(configs, below, untold)
    found = {run: dict(settings(config)) for run, config in configs.items()}
    more = f" and {len(keys) - _TOLD} more" if len(keys) > _TOLD else ""
    return {
        run: ", ".join(f"{key}={short(leaves.get(key))}" for key in keys[:_TOLD]) + more
        for run, leaves in found.items()
    }


def differing(
    configs: Mapping[Key, Mapping[str, Any]],
    below: Sequence[str] = (),
    untold: Sequence[str] = (),
) -> list[str]:
    """Gives the full keys in which configs differ; arguments as for `differences`."""
    leaves = [dict(settings(config)) for config in configs.values()]
    return [
        key
        for key in dict.fromkeys(key for found in leaves for key in found)
        if not any(key == left or key.startswith(f"{left}.") for left in (*_UNTOLD, *untold))
        and key.rsplit(".", 1)[-1] not in _PLACES
        and (not below or key.split(".")[0] in below)
        and len({repr(found.get(key)) for found in leaves}) > 1
    ]


def told(name: str, differences: str) -> str:
    """Gives a name with what differs in brackets."""
    return f"{name} ({differences})" if differences else name


def settings(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Gives every setting of a config by its full key, such as `mask.seed`."""
    if not isinstance(node, Mapping):
        yield prefix.rstrip("."), node
        return
    for key, value in node.items():
        yield from settings(value, f"{prefix}{key}.")


def short(value: Any) -> str:
    """Gives a value as labels show it: of a dotted path, the last part."""
    return str(value).rsplit(".", 1)[-1] if isinstance(value, str) else str(value)
