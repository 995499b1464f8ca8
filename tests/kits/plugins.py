"""A package that brings configs along, as pip leaves it: modules, YAML, and what names them."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from flmrcm.config.plugins import find_plugins
from flmrcm.config.search_path import tell_broken_plugins


class Packages:
    """Installs packages for one test.

    Args:
        folder: each gets a folder of its own in it.
        monkeypatch: has Python find them.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch

    def install(
        self, files: Mapping[str, str], name: str = "mymri", names: str | None = None
    ) -> Path:
        """Return the folder that holds the package `name`, version 1.2.

        Args:
            files: its texts by path, such as `conf/mask/mine.yaml`.
            name: of the package.
            names: what its entry point says; None says `NAME.conf`.
        """
        place = self.folder / f"site_of_{name}"
        for path, text in files.items():
            file = place / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.declare(place, name, names or f"{name}.conf")
        return place / name

    def declare(self, place: Path, name: str, value: str) -> None:
        """Write what pip writes beside a package, and have Python find both."""
        about = place / f"{name}-1.2.dist-info"
        about.mkdir(parents=True)
        about.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2")
        about.joinpath("entry_points.txt").write_text(f"[flmrcm.plugins]\n{name} = {value}\n")
        self.monkeypatch.syspath_prepend(str(place))
        for module in [each for each in sys.modules if each.split(".")[0] == name]:
            self.monkeypatch.delitem(sys.modules, module)
        forget_plugins()


def forget_plugins() -> None:
    """Have the installed packages looked at anew."""
    find_plugins.cache_clear()
    tell_broken_plugins.cache_clear()
