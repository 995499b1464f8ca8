"""Hydra's and OmegaConf's errors as one line each: which word, what is wrong, the way out."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException
from yaml import YAMLError

from flmrcm.config.conf_files import describe_options, is_group, list_options
from flmrcm.config.quoting import quote
from flmrcm.config.suggest import suggest_option
from flmrcm.config.words import Word, explain_key, is_text, parse_word

_UNKNOWN_OPTION = r"Could not (?:find|load) '([^']+)'"
_UNKNOWN_KEY = (
    r"Key '[^']+' is not in struct full_key: ([\w.]+)",
    r"Could not override '([^']+)'",
    r"Could not delete from config\. '([^']+)' does not exist",
    r"Could not delete\. No match for '([^']+)'",
    r"config group '([^']+)' does not exist",
)
_THERE_ALREADY = r"An item is already at '([^']+)'"
_SEVERAL_VALUES = r"Ambiguous value for argument '(.+?)' 1\.|parameters '(.+?)' requires"


def explain_error(
    error: Exception, words: Sequence[str], command: str, list_keys: Callable[[], Sequence[str]]
) -> tuple[str, str | None]:
    """Return the problem line of an error, and the word it's about; None where it's about none.

    Args:
        error: Hydra's or OmegaConf's.
        words: as Hydra read them.
        command: what they were typed for.
        list_keys: gives the keys there are.
    """
    causes = [*([error.__cause__] if error.__cause__ else []), error]
    text = " ".join(" ".join(str(cause).split()) for cause in causes)
    if match := re.search(_UNKNOWN_OPTION, text):
        return _explain_option(match[1], words)
    for pattern in _UNKNOWN_KEY:
        if match := re.search(pattern, text):
            key, keys = match[1], list_keys()
            if key in keys:
                return f"~{key}: is null; there is nothing to take away.", _find_word(key, words)
            return explain_key(command, key, keys), _find_word(key, words)
    if match := re.search(_THERE_ALREADY, text):
        word = _find_word(match[1], words)
        return f"{match[1]}: is there already; leave out the +.", word
    if match := re.search(_SEVERAL_VALUES, text):
        word = match[1] or match[2]
        return explain_sweep(word), word
    if "group override must be" in text and (word := _find_word_without_option(words)):
        return _explain_option(word.lstrip("+").replace("=", "/", 1), words)
    return f"{' '.join(words) or command}: {_clean(causes[0])}.", None


def explain_unreadable(word: str) -> str:
    """Return the problem line of a word that isn't one to Hydra."""
    key, equals, value = word.partition("=")
    if not equals:
        return f"{word}: words are KEY=VALUE or GROUP=NAME."
    needs = "can't be read; brackets, quotes, commas, = and # need quotes"
    whole = f"{key}='…'" if value[:1] in ("[", "{", "'", '"') else f"{key}={quote(value)}"
    return f"{word}: {needs}: {shlex.quote(whole)}."


def explain_sweep(word: str) -> str:
    """Return the problem line of a word with several values, typed for a single run."""
    return f"{word}: several values make several runs; add -m."


def find_unresolved(config: DictConfig) -> list[str]:
    """Return a problem line for each value that refers to what isn't there, or to itself.

    Values that fail for one reason are told by the first of them.
    """
    found: dict[str, str] = {}
    for key, raw, reason in _walk_unresolved(config):
        is_path = key.startswith("searchpath") or is_text(Word("", key, None, str(raw)))
        hint = " ${…} stands for a value; a path with it in its name needs a link." * is_path
        found.setdefault(reason, f"{key}={raw}: {reason}.{hint}")
    return list(found.values())


def _explain_option(path: str, words: Sequence[str]) -> tuple[str, str | None]:
    """Explain that a group offers no such file; `path` is `group/option`, each with slashes."""
    group, _, option = path.rpartition("/")
    culprit = None
    for word in words:
        parts = parse_word(word)
        if parts and parts.value and f"{parts.key}/{parts.value}" == path:
            culprit, group, option = word, parts.key, parts.value
    nearest = suggest_option(group, option, list_options(group, words))
    said = f"use one of {describe_options(group, words)}.{nearest}"
    return f"{group}={option}: {said}", culprit


def _find_word_without_option(words: Sequence[str]) -> str | None:
    """Return a word that gives a group a number, a truth or nothing instead of an option."""
    for word in words:
        parts = parse_word(word)
        if (
            parts
            and is_group(parts.key, words)
            and not re.match(r"['\"A-Za-z_]", parts.value or "")
        ):
            return word
        if parts and is_group(parts.key, words) and parts.value in ("null", "true", "false"):
            return word
    return None


def _find_word(key: str, words: Sequence[str]) -> str | None:
    """Return the word that typed a key, or a node that holds it."""
    places = {word: parts.place for word in words if (parts := parse_word(word))}
    near = [w for w, place in places.items() if place == key or key.startswith(f"{place}.")]
    return near[-1] if near else None


def _walk_unresolved(node: Any, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    keys = range(len(node)) if OmegaConf.is_list(node) else list(node)
    raw = OmegaConf.to_container(node, resolve=False)
    for key in keys:
        try:
            value = None if OmegaConf.is_missing(node, key) else node[key]
        except InterpolationToMissingValueError:
            continue  # whoever needs it asks for it
        except OmegaConfBaseException as error:
            yield f"{prefix}{key}", raw[key], _clean(error)  # pyright: ignore[reportIndexIssue, reportCallIssue, reportArgumentType, reportOptionalSubscript]
        else:
            if OmegaConf.is_config(value):
                yield from _walk_unresolved(value, f"{prefix}{key}.")


def _clean(error: BaseException) -> str:
    """Return an error's first line, without what only its makers want to know."""
    text = " ".join(str(error).split()) if isinstance(error, YAMLError) else str(error)
    first = text.split("\n")[0].rstrip(".") or type(error).__name__
    return re.sub(r"^\w+ raised while resolving interpolation: ", "", first).strip('"')
