"""The config files by which `flmrcm train sites=NAME` finds what was prepared."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from flmrcm.config.conf_files import find_conf_dir
from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HEAD = "# Written by `flmrcm prepare`.\n"


def find_name_problems(name: str | None) -> list[str]:
    """Return a problem line for a name that can't be a config's."""
    if name is None or _NAME.fullmatch(name):
        return []
    return [f"site_config={name}: small letters, digits and _, beginning with a letter."]


def format_site(label: str, root: Path) -> str:
    """Return the lines of `conf/site/NAME.yaml`."""
    values = yaml.safe_dump({"label": label, "root": str(root.resolve())}, sort_keys=False)
    return f"defaults: [_folder]\n{values}"


def format_sites(names: Sequence[str]) -> str:
    """Return the lines of `conf/sites/NAME.yaml`; the first site is the target."""
    listed = "".join(f"  - /site@sites.{name}: {name}\n" for name in names)
    return f"# @package _global_\ndefaults:\n{listed}  - _self_\ntarget: {names[0]}\n"


def build_config_files(name: str, roots: Mapping[str, Path]) -> dict[Path, str]:
    """Return the files' paths below a `conf` folder, and their text.

    Args:
        name: of the sites file, and of the site where there's one; sub-sites add theirs.
        roots: label → folder, for each site.
    """
    if len(roots) == 1:
        named = {name: next(iter(roots))}
    else:
        named = {f"{name}_{_name_ending(label, name)}": label for label in sorted(roots)}
    files = {
        Path("site", f"{site}.yaml"): _HEAD + format_site(label, roots[label])
        for site, label in named.items()
    }
    # Hydra reads a package only from the first comment lines, so no other line may come before
    return files | {Path("sites", f"{name}.yaml"): format_sites(sorted(named))}


def refuse_taken(folder: Path, files: Mapping[Path, str]) -> None:
    """Looks, before any work, whether the files' names are free, in flmrcm's own configs too.

    Raises:
        DataLayoutError: one of them is there with another text.
    """
    for place in (folder, find_conf_dir()):
        for path, text in files.items():
            taken = place / path
            if taken.exists() and taken.read_text() != text:
                raise DataLayoutError(
                    f"site_config: {taken} is there and says something else; take another name."
                )


def write_configs(folder: Path, files: Mapping[Path, str]) -> None:
    """Write config files into a `conf` folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / path, text)


def suggest_training(name: str, folder: Path) -> str:
    """Return what is typed to train on written configs."""
    if folder.resolve() == find_conf_dir().resolve():
        return f"flmrcm train sites={name}"
    return f"flmrcm train \"searchpath=['{folder.resolve()}']\" sites={name}"


def _name_ending(label: str, name: str) -> str:
    """`guys` for the label IXI-Guys beside the name ixi."""
    words = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    return words.removeprefix(f"{name}_")
