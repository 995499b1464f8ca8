"""Installed packages that bring configs along: the entry points of the group `flmrcm.plugins`.

A package's own code is not touched here: its folder of configs is found without importing it, so
that a package which is installed but not used costs nothing and breaks nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from flmrcm.errors import ConfigErrors

GROUP = "flmrcm.plugins"


@dataclass(frozen=True)
class Plugin:
    """A package that brings configs along.

    Attributes:
        package: its name, as pip has it.
        version: installed.
        folder: of its configs, laid out like conf/.
    """

    package: str
    version: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.package} {self.version}"

    def list_files(self, place: str = "") -> list[str]:
        """Return the configs below a place in its folder, without `.yaml`: `mine`, `folder/mine`.

        Those whose names begin with `_` are parts of others.
        """
        inside = self.folder / place
        files = sorted(inside.rglob("*.yaml"))
        return [file.relative_to(inside).with_suffix("").as_posix() for file in files]


class BrokenPlugin(NamedTuple):
    """A package that is left out.

    Attributes:
        package: its name, with its version.
        reason: why, and the way out, one line.
    """

    package: str
    reason: str

    def __str__(self) -> str:
        return f"{self.package} is left out ({GROUP}): {self.reason}"


class InstalledPlugins(NamedTuple):
    """All packages that say they bring configs along, by name."""

    usable: tuple[Plugin, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()

    def find_owner(self, file: Path) -> Plugin | None:
        """Return whose config a file is; None for those of nobody here."""
        return next((each for each in self.usable if file.is_relative_to(each.folder)), None)


@cache
def find_plugins(house: Path) -> InstalledPlugins:
    """Return the installed plugins; a broken one hurts nobody but itself.

    A name that is taken leaves both out, since neither has more right to it; the house's stay.

    Args:
        house: flmrcm's own folder of configs.
    """
    found: list[Plugin] = []
    broken: list[BrokenPlugin] = []
    for entry in sorted(entry_points(group=GROUP), key=_name):
        try:
            found.append(_open_plugin(entry))
        except ConfigErrors as error:
            broken.append(BrokenPlugin(_name(entry), str(error)))
    usable: list[Plugin] = []
    for plugin in found:
        reason = next(_find_clashes(plugin, house, found), None)
        if reason is None:
            usable.append(plugin)
        else:
            broken.append(BrokenPlugin(str(plugin), reason))
    return InstalledPlugins(tuple(usable), tuple(broken))


def locate_folder(name: str) -> Path | None:
    """Return the folder of a dotted name, `mymri.conf`, whether or not there is such a folder.

    Only the outermost package is looked for, and nothing is imported. None: it isn't installed.
    """
    package, *inner = name.split(".")
    try:
        found = find_spec(package)
    except (ImportError, ValueError):  # no name, or a module that was put together by hand
        return None
    places = list(found.submodule_search_locations or ()) if found else []
    folders = [Path(place, *inner) for place in places]  # several, where packages share a name
    return next((folder for folder in folders if folder.is_dir()), next(iter(folders), None))


def _name(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.name


def _open_plugin(entry: EntryPoint) -> Plugin:
    """Return the plugin of an entry point.

    Raises:
        ConfigErrors: it names no folder of configs.
    """
    said = f'{entry.name} = "{entry.value}"'
    if not all(part.isidentifier() for part in entry.value.split(".")):
        raise ConfigErrors([f'{said} should name a folder of configs, as in "mymri.conf".'])
    folder = locate_folder(entry.value)
    if folder is None:
        package = entry.value.split(".")[0]
        raise ConfigErrors([f"{said}, but there is no package {package}; install it again."])
    if not folder.is_dir():
        raise ConfigErrors([f"{said}, but there is no folder {folder}."])
    if next(folder.rglob("*.yaml"), None) is None:
        raise ConfigErrors([f"{said}, but no .yaml is in {folder}; its wheel has to hold them."])
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else (entry.name, "")
    return Plugin(package, version, folder)


def _find_clashes(plugin: Plugin, house: Path, others: list[Plugin]) -> Iterator[str]:
    """Give a line for each of its configs whose name is taken."""
    for name in plugin.list_files():
        if (house / f"{name}.yaml").exists():
            yield f"{name}.yaml: flmrcm has a file of that name; rename it."
        for other in others:
            if other is not plugin and (other.folder / f"{name}.yaml").exists():
                yield f"{name}.yaml: {other} has a file of that name; uninstall one, or rename it."
