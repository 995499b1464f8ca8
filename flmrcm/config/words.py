"""Words as they are typed: their parts, paths that hold any character, keys there aren't."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from flmrcm.config.conf_files import (
    KeyTree,
    describe_options,
    is_group,
    list_known_keys,
    list_options,
    list_options_with_key,
    read_key_tree,
    read_needed_keys,
)
from flmrcm.config.migration import find_new_name
from flmrcm.config.quoting import quote, unquote
from flmrcm.config.suggest import suggest_key
from flmrcm.errors import ConfigErrors
from flmrcm.files import expand_home

DEPLOYMENT_KEYS = ("output", "address", "port", "node_port", "admin_port", "days")
"""Keys of `flmrcm deploy` and `up`; all others are those of a training config."""

CONFIGS: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "evaluate": ("train", "evaluate"),
    "reconstruct": ("train", "reconstruct"),
    "export": ("train", "export"),
    "attack": ("train", "attack"),
    "simulate": ("train",),
    "deploy": ("train",),
    "up": ("train",),
    "prepare": ("prepare",),
}
"""The primary configs whose keys a command takes."""

_TEXTS = re.compile(
    r"checkpoint|init_from|resume|data_dir|input|output|data\.simulated\.folder|name|method"
    r"|engine\.federation|(sites\.[^.]+|split\.source)\.(root|policy|files|label|folder)"
    r"|sites\.[^.]+\.generator\.cache|hydra\.(run|sweep)\.dir|salt|site_config|\w+_pattern"
    r"|contrast_patterns\.[^.]+"
)
"""Keys whose values are paths or names: text, whatever characters they hold."""

_WORD = re.compile(
    r"(?P<sign>~|\+{0,2})(?P<key>[^-=@+~][^=@]*)(@(?P<package>[^=]*))?(=(?P<value>.*))?", re.DOTALL
)
_LISTS_OR_FILES = re.compile(r"split\.(train|val|test)")
"""Keys whose values are a share, a list, or a file."""


class Word(NamedTuple):
    """One word of a command.

    Attributes:
        sign: `+` adds, `++` adds or sets, `~` takes away; empty sets.
        key: of a value, or a group.
        package: where a group's file goes; None where it says so itself.
        value: None where there's no `=`.
    """

    sign: str
    key: str
    package: str | None
    value: str | None

    @property
    def place(self) -> str:
        """Where in the config it has its effect."""
        return self.package or self.key


def parse_word(word: str) -> Word | None:
    """Return a word's parts; None for a flag, or what is no `KEY=VALUE`."""
    found = _WORD.fullmatch(word)
    parts = Word(*found.group("sign", "key", "package", "value")) if found else None
    return parts if parts and (parts.value is not None or parts.sign == "~") else None


def is_multirun(words: Sequence[str]) -> bool:
    """Tell whether words may stand for several runs, so that commas part their values."""
    return any(w in ("-m", "--multirun") or w.startswith(("sweep=", "hydra.mode=")) for w in words)


def quote_texts(words: Sequence[str], many: bool = False) -> list[str]:
    """Return words whose paths and names may hold any character, quoted as Hydra wants it.

    Args:
        words: as typed.
        many: a comma parts two values, as in a multirun.
    """
    return [_quote_text(word, many) for word in words]


def split_own_words(command: str, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words whose keys are a command's own, and those that a training has too."""
    tree, parts = read_key_tree(command), {word: parse_word(word) for word in words}
    own = [word for word, found in parts.items() if found and found.key.split(".")[0] in tree]
    return own, [word for word in words if word not in own]


def is_text(word: Word) -> bool:
    """Tell whether a word's value is a path or a name."""
    if _LISTS_OR_FILES.fullmatch(word.key):
        return expand_home(word.value or "").is_file()
    return _TEXTS.fullmatch(word.key) is not None


def read_value(key: str, words: Sequence[str]) -> str | None:
    """Return the value typed last for a key, without quotes; None where none is."""
    typed = [parts.value for word in words if (parts := parse_word(word)) and parts.key == key]
    return None if not typed or typed[-1] is None else unquote(typed[-1])


def find_key_problems(command: str, words: Sequence[str]) -> dict[str, str]:
    """Return, for each word whose key can't be right whatever else is typed, a problem line.

    `+` makes no difference: what no part of the program reads is a slip.
    """
    tree = _read_tree(command, words)
    problems: dict[str, str] = {}
    for word in words:
        parts = parse_word(word)
        if parts is None:
            continue
        stray = _find_stray_part(parts.place, tree)
        if find_new_name(parts.place) or stray:
            problems[word] = explain_key(command, stray or parts.place)
    return problems


def refuse_slips(command: str, words: Sequence[str]) -> None:
    """Refuse keys there aren't before anything is loaded, unless other words need a look as well.

    Raises:
        ConfigErrors: every key there isn't.
    """
    if {"-sc", "--shell-completion"} & set(words):
        return  # the shell's words
    problems = find_key_problems(command, words)
    if problems and all(_is_plain(command, word) for word in words if word not in problems):
        raise ConfigErrors(list(problems.values()))


def find_stray_keys(
    command: str, config: Mapping[str, Any], words: Sequence[str] = ()
) -> list[str]:
    """Return a problem line for each key of a composed config that no part of the program reads."""
    return [explain_key(command, key) for key in _walk(config, _read_tree(command, words))]


def find_missing_keys(name: str, config: Mapping[str, Any]) -> list[str]:
    """Return a problem line for each key that a composed config lacks and can't do without."""
    needed = read_needed_keys(name)
    problems = [
        f"{key}={config[key]}: holds keys and values: {', '.join(below)}."
        for key, below in needed.items()
        if below and key in config and not isinstance(config[key], Mapping)
    ]
    for key in _walk(needed, config):
        options, taken = describe_options(key), "can't be taken away."
        chosen = f"nothing is chosen; use one of {options}."
        problems.append(f"{key}: {chosen if options else taken}")
    return problems


def explain_key(command: str, key: str, keys: Sequence[str] | None = None) -> str:
    """Return the problem line of a key there isn't.

    Args:
        command: the one it was typed for.
        key: with dots.
        keys: those there are; None takes all that the command knows.
    """
    if new := find_new_name(key):
        return f"{key}: is called {new} now."
    known = list_command_keys(command) if keys is None else keys
    if inner := [name.removeprefix(f"{key}.") for name in known if name.startswith(f"{key}.")]:
        return f"{key}: a key in it is unknown; it has {', '.join(inner)}."
    if places := list_options_with_key(key):
        return f"{key}: there is no such key, but with {' or '.join(places)}."
    known = [name for name in known if not key.startswith(f"{name}.")]
    shown = (
        "--cfg job` prints all of them" if command in ("train", "prepare") else "--help` shows more"
    )
    return f"{key}: there is no such key.{suggest_key(key, known)} `flmrcm {command} {shown}."


def list_command_keys(command: str) -> list[str]:
    """Return every dotted key that a command may take, whatever options its groups take."""
    own = DEPLOYMENT_KEYS if command in ("deploy", "up") else ()
    return [*own, *(key for name in CONFIGS[command] for key in list_known_keys(name))]


def _is_plain(command: str, word: str) -> bool:
    """Tell whether a word's key or option is known to be there without Hydra."""
    parts = parse_word(word)
    if parts is None:
        return word.startswith("-") or word in ("flower", "nvflare")
    if is_group(parts.key):
        return parts.value in list_options(parts.key)
    return parts.key in list_command_keys(command)


def _read_tree(command: str, words: Sequence[str]) -> KeyTree:
    own = DEPLOYMENT_KEYS if command in ("deploy", "up") else ()
    tree: KeyTree = dict.fromkeys(own)
    for name in CONFIGS[command]:
        tree |= read_key_tree(name, words)
    return tree


def _find_stray_part(place: str, tree: KeyTree) -> str | None:
    """Return a key up to the first part that isn't in the tree; None where all of it is."""
    node: KeyTree | None = tree
    parts = re.split(r"[./]", place)
    for depth, part in enumerate(parts):
        if node is None or part.startswith("_"):
            return None
        if part not in node:
            return ".".join(parts[: depth + 1])
        node = node[part]
    return None


def _walk(config: Mapping[str, Any], tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Give the dotted keys of a config that a tree lacks, those below an open node left out."""
    for key, value in config.items():
        below = tree.get(key)
        if key not in tree:
            yield f"{prefix}{key}"
        elif isinstance(below, Mapping) and isinstance(value, Mapping):
            yield from _walk(value, cast(Mapping[str, Any], below), f"{prefix}{key}.")


def _quote_text(word: str, many: bool) -> str:
    parts = parse_word(word)
    if parts is None or parts.value is None or not is_text(parts):
        return word
    values = parts.value.split(",") if many and parts.value[:1] not in "'\"" else [parts.value]
    return word.removesuffix(parts.value) + ",".join(map(quote, values))
