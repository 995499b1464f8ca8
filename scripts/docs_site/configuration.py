"""The reference of conf/: each key of each file with its default, its type and its meaning.

Keys, defaults and comments are read from the files that `flmrcm train` composes; types and what a
comment doesn't say are those of the class that `_target_` names, by which the config checks go too.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(
    r"^(?P<indent> *)(?P<key>[^\s#:][^:#]*):(?: +(?P<value>.*?))?(?: +# *(?P<text>.*))?$"
)
_MORE = re.compile(r"^ +# *(?P<text>.*)$")
_BASE = re.compile(r"^defaults: *\[(?P<names>[^\]]*)\]")

Argument = tuple[str, str]
"""The type hint of a class's argument, and what its docstring says of it."""

Describe = Callable[[str], Mapping[str, Argument]]
"""Returns the arguments of a class by their names; empty where it isn't known."""


class ConfKey(NamedTuple):
    """A key of a file.

    Attributes:
        key: dotted.
        value: the default, as YAML; empty where keys below it have values.
        text: its comment.
    """

    key: str
    value: str
    text: str


class ConfFile(NamedTuple):
    """A file of conf/.

    Attributes:
        about: the comment it begins with.
        keys: its own, in order.
        bases: names of the files whose keys it takes over.
    """

    about: str
    keys: list[ConfKey]
    bases: list[str]


def read_conf_file(path: Path) -> ConfFile:
    """Return the keys of a file with their comments."""
    about: list[str] = []
    keys: list[ConfKey] = []
    bases: list[str] = []
    above: list[tuple[int, str]] = []
    in_defaults = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not keys:
            about.append(line.lstrip("# "))
        elif found := _BASE.match(line):
            bases = [name.strip() for name in found["names"].split(",") if name.strip() != "_self_"]
        elif line.startswith("defaults:"):
            in_defaults = True
        elif in_defaults and line.startswith((" ", "-")):
            continue
        elif (found := _LINE.match(line)) and not line.lstrip().startswith("- "):
            in_defaults = False
            indent = len(found["indent"])
            above = [(depth, key) for depth, key in above if depth < indent]
            above.append((indent, found["key"].strip()))
            key = ".".join(name for _, name in above)
            keys.append(ConfKey(key, found["value"] or "", found["text"] or ""))
        elif keys and (found := _MORE.match(line)):
            last = keys.pop()
            keys.append(last._replace(text=f"{last.text} {found['text']}".strip()))
    return ConfFile(" ".join(line for line in about if not line.startswith("@")), keys, bases)


def write_group_page(folder: Path, describe: Describe) -> str:
    """Return the page of a group: a section for each choice.

    Args:
        folder: of the group below conf/.
        describe: gives the arguments of classes.
    """
    files = [p for p in sorted(folder.rglob("*.yaml")) if not p.name.startswith("_")]
    parts = [
        f"# `{folder.name}=`\n",
        f"What `{folder.name}=NAME` may be, each a file of `conf/{folder.name}/`.\n",
    ]
    for path in files:
        option = path.relative_to(folder).with_suffix("").as_posix()
        parts += [f"## {option}\n", *_write_file(path, folder.name, describe)]
    return "\n".join(parts)


def write_train_page(path: Path, describe: Describe) -> str:
    """Return the page of the keys that belong to no group."""
    said = "`flmrcm train KEY=VALUE` sets one; `flmrcm train --cfg job` prints all."
    return "\n".join(["# Keys of a run\n", f"{said}\n", *_write_file(path, "", describe)])


def _write_file(path: Path, prefix: str, describe: Describe) -> Iterator[str]:
    file = read_conf_file(path)
    if file.about:
        yield f"{file.about}\n"
    keys = list({key.key: key for key in _collect(path)}.values())
    target = next((key.value for key in keys if key.key == "_target_"), "")
    if target.startswith("flmrcm."):
        name = target.rsplit(".", 1)[-1]
        yield f"Class: [`{name}`][{target}]\n" if describe(target) else f"Class: `{target}`\n"
    shown = [key for key in keys if not key.key.split(".")[-1].startswith("_")]
    if not shown:
        return
    yield "| key | default | type | meaning |\n|---|---|---|---|"
    whole = "@package _global_" in path.read_text(encoding="utf-8")
    for key in shown:
        hint, text = _describe_key(key.key, keys, describe)
        name = key.key if whole or not prefix else f"{prefix}.{key.key}"
        cells = (
            f"`{name}`",
            f"`{key.value}`" * bool(key.value),
            f"`{hint}`" * bool(hint),
            key.text or text,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _collect(path: Path) -> Iterator[ConfKey]:
    """Yield the keys of the files that a file builds on, then its own."""
    file = read_conf_file(path)
    for base in file.bases:
        if (below := path.parent / f"{base}.yaml").is_file():
            yield from _collect(below)
    yield from file.keys


def _describe_key(key: str, keys: list[ConfKey], describe: Describe) -> Argument:
    """Return type and meaning of a key from the class that the node around it names."""
    node, _, name = key.rpartition(".")
    place = f"{node}._target_" if node else "_target_"
    target = next((each.value for each in keys if each.key == place), "")
    return describe(target).get(name, ("", "")) if target else ("", "")
