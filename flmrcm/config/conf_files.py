"""What lies in conf/: groups, their options, every key there is; read at once, without Hydra."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, cast

import yaml

from flmrcm.config.plugins import InstalledPlugins, find_plugins, locate_folder
from flmrcm.config.quoting import split_folders
from flmrcm.errors import ConfigErrors
from flmrcm.files import expand_home

KeyTree = dict[str, "KeyTree | None"]
"""Keys that may stand in a node, and what may stand below each; None lets anything."""

# libyaml, where it is there, reads six times as fast
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_GLOBAL = "# @package _global_"
_SEARCH_PATHS = ("searchpath=", "hydra.searchpath=")
_PACKAGE = "pkg://"
_WITH_FOLDER = ("prepare", "attack")
"""Primary configs whose groups lie in a folder of their own."""


def find_conf_dir() -> Path:
    """Return the folder of configs: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def find_primary(name: str) -> Path:
    """Return the file of a primary config: `train`, `evaluate`, or `prepare`.

    The last has a folder and groups of its own: one of training's groups is called as a key of it.
    """
    own = find_conf_dir() / name
    return (own if own.is_dir() else own.parent) / f"{name}.yaml"


def list_plugins() -> InstalledPlugins:
    """Return the installed packages that bring configs along."""
    return find_plugins(find_conf_dir())


def find_checkout() -> Path | None:
    """Return the checkout the package runs from; None where it's installed."""
    root = Path(__file__).parent.parent.parent
    return root if (root / "pyproject.toml").is_file() else None


def list_search_folders(words: Sequence[str]) -> list[Path]:
    """Return the folders of configs that words add beside conf/.

    Args:
        words: some may be `searchpath=[FOLDER, …]`, or `hydra.searchpath=[file://FOLDER, …]`, or
            name a folder of an installed package, `pkg://mymri.conf`.

    Raises:
        ConfigErrors: a package that isn't installed.
    """
    typed = [word.split("=", 1)[1] for word in words if word.startswith(_SEARCH_PATHS)]
    entries = [entry for value in typed if value != "null" for entry in split_folders(value)]
    return list(dict.fromkeys(map(_find_search_folder, entries)))


def _find_search_folder(entry: str) -> Path:
    if not entry.startswith(_PACKAGE):
        return expand_home(entry.removeprefix("file://"))
    name = entry.removeprefix(_PACKAGE)
    folder = locate_folder(name)
    if folder is None:
        package = name.split(".")[0]
        raise ConfigErrors([f"searchpath: {entry}: no package {package} is installed."])
    return folder


def list_search_places(name: str, words: Sequence[str] = ()) -> list[Path]:
    """Return where a primary config's groups are searched beside conf/, the nearest first.

    What is typed goes before what is installed. Each is a folder like conf/, so that of `prepare`
    is one in it; a typed one may also hold the groups themselves.
    """
    inner = find_primary(name).parent.relative_to(find_conf_dir())
    typed = list_search_folders(words)
    installed = [plugin.folder / inner for plugin in list_plugins().usable]
    places = [place for folder in typed for place in (folder / inner, folder)]
    return list(dict.fromkeys(place for place in (*places, *installed) if place.is_dir()))


def find_options(group: str, words: Sequence[str] = ()) -> dict[str, Path]:
    """Return the files a group offers by what is typed for them, `folder/name` in sub-folders.

    Args:
        group: `strategy`, `site@sites.ours`.
        words: as typed; they may add folders of configs.
    """
    found: dict[str, Path] = {}
    for place in _find_group(group, words):
        for file in sorted(place.rglob("*.yaml")):
            if not file.name.startswith("_"):
                found.setdefault(file.relative_to(place).with_suffix("").as_posix(), file)
    return found


def list_options(group: str, words: Sequence[str] = ()) -> list[str]:
    """Return what may be typed for a group, as `find_options`."""
    return list(find_options(group, words))


def describe_options(group: str, words: Sequence[str] = ()) -> str:
    """Return what may be typed for a group, with the package of each that isn't flmrcm's own."""
    owners = {name: list_plugins().find_owner(f) for name, f in find_options(group, words).items()}
    return ", ".join(f"{n} ({owner.package})" if owner else n for n, owner in owners.items())


@cache
def list_groups(name: str) -> list[str]:
    """Return the groups that a primary config chooses from."""
    return list(_pop_defaults(_read_yaml(find_primary(name))))


def is_group(key: str, words: Sequence[str] = ()) -> bool:
    """Tell whether an override's key names a config group, `strategy`, rather than a value."""
    return bool(_find_group(key, words))


def read_key_tree(name: str, words: Sequence[str] = ()) -> KeyTree:
    """Return the keys of a primary config, `train`, and of what its groups may add to it.

    Nodes that a group fills are left open: the class they describe knows its own arguments.

    Args:
        name: of the primary config.
        words: as typed; they may add folders of configs. A source's files in there may add keys to
            `prepare`; nothing would read those that files there add to other configs.
    """
    places = list_search_places(name, words) if name == "prepare" else ()
    return _read_key_tree(name, (find_primary(name).parent, *places))


@cache
def _read_key_tree(name: str, places: Sequence[Path]) -> KeyTree:
    body = _read_yaml(find_primary(name))
    groups = list(_pop_defaults(body))
    tree = _build_tree(body)
    files = {
        group: [file for place in places for file in _list_global_files(place / group)]
        for group in groups
    }
    tree |= {group: None for group in groups if not files[group]}
    for path in chain.from_iterable(files.values()):
        _add_global_file(tree, path)
    for group in groups:
        tree.setdefault(group, {})  # chosen, never a node: its files lie over the whole config
    return tree | {"hydra": None}


@cache
def read_needed_keys(name: str) -> KeyTree:
    """Return the keys that a primary config can't do without: its own, and its chosen groups."""
    body, tree = _read_yaml(find_primary(name)), read_key_tree(name)
    chosen = [group for group, option in _pop_defaults(body).items() if option is not None]
    return _build_tree(body) | {g: None for g in chosen if g != "hydra" and tree[g] != {}}


def list_known_keys(name: str) -> list[str]:
    """Return every dotted key of a config, whatever option its groups take, sorted."""
    return _list_known_keys(name, (find_primary(name).parent, *list_search_places(name)))


@cache
def _list_known_keys(name: str, places: Sequence[Path]) -> list[str]:
    tree = read_key_tree(name)
    keys = set(walk_keys(tree))
    for group in tree:
        for path in chain.from_iterable((place / group).rglob("*.yaml") for place in places):
            if not _is_global(path):
                content = _read_yaml(path)
                content.pop("defaults", None)
                keys |= {f"{group}.{key}" for key in walk_keys(_build_tree(content))}
    return sorted(keys)


def list_options_with_key(key: str) -> list[str]:
    """Return `group=option` for each of a group's files that sets a key, `strategy.mu`."""
    group, _, inner = key.partition(".")
    return [
        f"{group}={option}"
        for option, file in find_options(group).items()
        if inner in walk_keys(_build_tree(_read_yaml(file)))
    ]


def walk_keys(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Give every dotted key of nested keys and values, inner nodes too."""
    for key, below in node.items():
        yield f"{prefix}{key}"
        if isinstance(below, Mapping):
            yield from walk_keys(cast(Mapping[str, Any], below), f"{prefix}{key}.")


def _read_yaml(path: Path) -> dict[str, Any]:
    content = yaml.load(path.read_text(), _LOADER)  # noqa: S506
    return content if isinstance(content, dict) else {}


def _pop_defaults(body: dict[str, Any]) -> dict[str, Any]:
    """Take the defaults list out of a primary config; return the option of each of its groups."""
    items = [item for item in body.pop("defaults", ()) if isinstance(item, dict)]
    return {group: option for item in items for group, option in item.items() if "@" not in group}


def _build_tree(node: Mapping[str, Any]) -> KeyTree:
    return {
        str(key): _build_tree(value) if isinstance(value, dict) and value else None
        for key, value in node.items()
    }


def _is_global(path: Path) -> bool:
    return path.read_text().startswith(_GLOBAL)


def _find_group(key: str, words: Sequence[str] = ()) -> list[Path]:
    """Return the folders of a group's files; none where the key names no group."""
    group = key.split("@")[0]
    installed = (plugin.folder for plugin in list_plugins().usable)
    roots = (find_conf_dir(), *list_search_folders(words), *installed)
    places = (root / inner / group for root in roots for inner in ("", *_WITH_FOLDER))
    return list(dict.fromkeys(place for place in places if place.is_dir()))


def _list_global_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.yaml") if _is_global(path)]


def _add_global_file(tree: KeyTree, path: Path) -> None:
    """Add the keys of a file that is laid over the whole config, and those its defaults fill."""
    content = _read_yaml(path)
    for item in content.pop("defaults", ()):
        name = str(next(iter(item))) if isinstance(item, dict) else ""
        if "@" in name:
            tree[name.split("@")[1].split(".")[0]] = None
    for key in content:
        tree.setdefault(str(key), None)
