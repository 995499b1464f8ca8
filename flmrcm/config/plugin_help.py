"""What installed plugins add to a command, for the end of its help."""

from collections.abc import Iterator
from textwrap import wrap

from flmrcm.config.conf_files import find_conf_dir, find_primary, list_groups, list_plugins
from flmrcm.config.plugins import Plugin
from flmrcm.config.words import CONFIGS

_FIGURE = "figure"
_WIDTH = 98


def describe_plugins(command: str) -> str:
    """Return what each installed package adds to a command, or why it is left out; often nothing.

    Args:
        command: such as `train`.
    """
    plugins = list_plugins()
    usable = [line for plugin in plugins.usable for line in _describe(plugin, command)]
    lines = [*usable, *(f"  {plugin}" for plugin in plugins.broken if command in CONFIGS)]
    return "\n".join(["", "from installed packages", *lines]) if lines else ""


def _describe(plugin: Plugin, command: str) -> Iterator[str]:
    if words := list(_list_words(plugin, command)):
        start = f"  {plugin}   "
        yield from wrap("  ".join(words), _WIDTH, initial_indent=start, subsequent_indent="    ")


def _list_words(plugin: Plugin, command: str) -> Iterator[str]:
    """Give what may be typed, such as `strategy=mine`."""
    if command == "compare":
        yield from (f"figure {name}, in every report" for name in _list_choices(plugin, _FIGURE))
    for config in CONFIGS.get(command, ()):
        inner = find_primary(config).parent.relative_to(find_conf_dir())
        for group in list_groups(config):
            names = _list_choices(plugin, str(inner / group))
            yield from (f"{group}={name}" for name in names)
    if "train" in CONFIGS.get(command, ()):
        yield from (f"+site@sites.NAME={name}" for name in _list_choices(plugin, "site"))


def _list_choices(plugin: Plugin, place: str) -> list[str]:
    return [name for name in plugin.list_files(place) if not name.split("/")[-1].startswith("_")]
