"""What a config that somebody else wrote may name: data travel between machines, never code.

Hydra builds whatever a `_target_` names, `shutil.rmtree` as well as a model. So a config that came
over a wire or out of a file is looked at before anything is built: its targets have to be classes
that the installed config groups name, `torch.optim` classes, or what a site's own file allows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from flmrcm.config.conf_files import find_conf_dir

_OPTIMIZER = re.compile(r"torch\.optim\.[A-Z][A-Za-z]*")
_HYDRA_KEYS = ("_target_", "_partial_", "_convert_")
"""Keys of Hydra's that config groups use; `_args_`, `_recursive_` and others are never needed."""

Nesting = tuple[str, str]
"""A target, and the key below which it takes another one."""


@dataclass(frozen=True)
class AllowList:
    """Targets that may be built of a config that somebody else wrote.

    Args:
        extra: dotted names that are allowed beside those of the installed config groups.
        groups: the groups whose classes are allowed; None allows those of every group.
    """

    extra: Sequence[str] = field(default_factory=tuple[str, ...])
    groups: tuple[str, ...] | None = None

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
        known = target in _list_installed(self.groups)[0] or target in self.extra
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
        return parent in _list_installed(self.groups)[1] or optimizer


@cache
def _list_installed(
    groups: tuple[str, ...] | None,
) -> tuple[frozenset[str], frozenset[Nesting]]:
    """Return the targets that the installed config groups name, and where they nest."""
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

    conf = find_conf_dir()
    for folder in [conf] if groups is None else [conf / group for group in groups]:
        for path in folder.rglob("*.yaml"):
            collect(yaml.safe_load(path.read_text()), None)
    return frozenset(targets), frozenset(nestings)
