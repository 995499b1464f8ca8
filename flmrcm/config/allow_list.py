"""What a config that somebody else wrote may name: data travel between machines, never code.

Hydra builds whatever a `_target_` names, `shutil.rmtree` as well as a model. So a config that came
over a wire or out of a file is looked at before anything is built: its targets have to be classes
that the installed config groups name, `torch.optim` classes, or what a site's own file allows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from flmrcm.config.conf_files import find_conf_dir, list_plugins

_OPTIMIZER = re.compile(r"torch\.optim\.[A-Z][A-Za-z]*")
_HYDRA_KEYS = ("_target_", "_partial_", "_convert_")
"""Keys of Hydra's that config groups use; `_args_`, `_recursive_` and others are never needed."""

Nesting = tuple[str, str]
"""A target, and the key below which it takes another one."""


@dataclass(frozen=True)
class AllowList:
    """Targets that may be built of a config that somebody else wrote.

    Args:
        extra: dotted names that are allowed beside those of flmrcm's own config groups.
        groups: the groups whose classes are allowed; None allows those of every group.
        plugins: installed packages of which the same groups are allowed as well, by name.
    """

    extra: Sequence[str] = field(default_factory=tuple[str, ...])
    groups: tuple[str, ...] | None = None
    plugins: Sequence[str] = ()

    def find_problems(self, key: str, node: Any) -> list[str]:
        """Return a line for everything in a node that may not be built, without its values.

        Args:
            key: where the node stands in the config.
            node: plain dicts, lists and values.
        """
        return list(dict.fromkeys(self._look_at(key, node, None)))

    def allows(self, target: Any) -> bool:
        """Return whether a target may be built."""
        if not isinstance(target, str):
            return False
        known = target in self._list_named()[0] or target in self.extra
        return known or _OPTIMIZER.fullmatch(target) is not None

    def _look_at(self, key: str, node: Any, parent: Nesting | None) -> Iterator[str]:
        if isinstance(node, Mapping):
            yield from self._look_at_mapping(key, node, parent)
        elif isinstance(node, Sequence) and not isinstance(node, str):
            for item in node:
                yield from self._look_at(key, item, None)
        elif isinstance(node, str) and "${" in node:
            yield f"{key}: holds an interpolation (${{…}}), which is never resolved here."

    def _look_at_mapping(
        self, key: str, node: Mapping[Any, Any], parent: Nesting | None
    ) -> Iterator[str]:
        target = node.get("_target_")
        if target is not None and not self.allows(target):
            yield f"{key}: names a class that is not on the list of those that may be built."
        elif target is not None and parent is not None and not self._nests(parent, target):
            yield f"{key}: names a class where none is expected."
        for name, value in node.items():
            inner = f"{key}.{name}" if isinstance(name, str) and name.isidentifier() else key
            if not isinstance(name, str) or (name[:1] == "_" and name not in _HYDRA_KEYS):
                yield f"{key}: holds a key that is not expected."
            elif name not in _HYDRA_KEYS:
                here = (target, name) if isinstance(target, str) else parent
                yield from self._look_at(inner, value, here)

    def _nests(self, parent: Nesting, target: str) -> bool:
        if parent[0] in self.extra:
            return True
        optimizer = _OPTIMIZER.fullmatch(target) is not None and parent[1].endswith("optimizer")
        return parent in self._list_named()[1] or optimizer

    def _list_named(self) -> tuple[frozenset[str], frozenset[Nesting]]:
        plugins = [each.folder for each in list_plugins().usable if each.package in self.plugins]
        return list_named((find_conf_dir(), *plugins), self.groups)


@cache
def list_named(
    folders: Sequence[Path], groups: Sequence[str] | None = None
) -> tuple[frozenset[str], frozenset[Nesting]]:
    """Return the targets that config groups name, and where they nest.

    Args:
        folders: of configs, a tuple.
        groups: a tuple; None takes every group.
    """
    targets: set[str] = set()
    nestings: set[Nesting] = set()

    def collect(node: Any, parent: Nesting | None) -> None:
        if isinstance(node, Mapping):
            target = node.get("_target_")
            if isinstance(target, str):
                targets.add(target)
                if parent is not None:
                    nestings.add(parent)
            for name, value in node.items():
                collect(value, (target, str(name)) if isinstance(target, str) else parent)
        elif isinstance(node, list):
            for item in node:
                collect(item, None)

    for folder in folders:
        for place in [folder] if groups is None else [folder / group for group in groups]:
            for path in place.rglob("*.yaml"):
                collect(yaml.safe_load(path.read_text()), None)
    return frozenset(targets), frozenset(nestings)
