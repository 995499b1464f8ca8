"""From words typed to a composed config: habits, and every problem of the words at once."""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from secrets import token_hex
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from flmrcm.config.conf_files import find_primary, list_options, walk_keys
from flmrcm.config.explain import explain_error, explain_unreadable, find_unresolved
from flmrcm.config.identity import hash_config
from flmrcm.config.search_path import (
    complete_search_path,
    find_search_problems,
    imply_search_path,
    list_search_words,
    make_absolute,
    tell_broken_plugins,
)
from flmrcm.config.words import (
    find_key_problems,
    find_missing_keys,
    find_stray_keys,
    is_multirun,
    parse_word,
    quote_texts,
)
from flmrcm.errors import ConfigErrors

_NOT_UNDERSTOOD = (HydraException, OmegaConfBaseException, YAMLError, ValueError)
"""What Hydra raises for words and files that can't be composed."""

_FILE_OF_A_SITE = re.compile(r"(sites\.[^.=@]+\.(loss|mask))=((?!null$)[\w/,-]+)")


def register_resolvers() -> None:
    """Make `${config_hash:}` and `${random_tag:}` known to configs."""
    OmegaConf.register_new_resolver("config_hash", hash_config, replace=True)
    OmegaConf.register_new_resolver(
        "random_tag", lambda: token_hex(2), use_cache=True, replace=True
    )


def expand_words(words: Sequence[str], multirun: bool = False) -> list[str]:
    """Return the words of a training as Hydra reads them; expanding them again changes nothing.

    Paths are quoted, `split.of=SITE` also chooses that site's file, `sites.SITE.loss=NAME` a file
    of conf/loss/, and folders of configs are both searched by Hydra and kept in the run's config.

    Args:
        words: as typed.
        multirun: whether commas part values even where no word says so.
    """
    quoted = quote_texts(words, multirun or is_multirun(words))
    expanded = [_choose_file(make_absolute(word)) for word in quoted]
    typed = {parts.place for word in words if (parts := parse_word(word))}
    for word in tuple(expanded):
        for place, implied in _imply(word).items():
            if place not in typed:
                expanded.append(implied)
    return expanded


def compose_config(name: str, words: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """Return a config composed from words as typed.

    Args:
        name: of the primary file: `train`, `evaluate`, `prepare`.
        words: `key=value`, `group=name`, `+key=value`, `~key`.
        with_hydra: keep Hydra's own node.

    Raises:
        ConfigErrors: every word that isn't understood, each with the nearest that is.
    """
    register_resolvers()
    tell_broken_plugins()
    typed = expand_words(words) if name == "train" else quote_texts(words)
    wrong = find_key_problems(name, typed) | find_unreadable(typed)
    problems = [wrong[word] for word in typed if word in wrong]
    if missing := find_search_problems(typed):
        raise ConfigErrors([*problems, *missing])
    config, found = _compose_what_can_be(name, [word for word in typed if word not in wrong])
    problems += found
    if config is not None:
        own = drop_hydra(config)
        plain = cast(dict[str, Any], OmegaConf.to_container(own))
        problems += find_stray_keys(name, plain, typed)
        problems += find_missing_keys(name, plain) or find_unresolved(own)
    if problems or config is None:
        raise ConfigErrors(list(dict.fromkeys(problems)))
    return config if with_hydra else drop_hydra(config)


def _compose_what_can_be(name: str, words: Sequence[str]) -> tuple[DictConfig | None, list[str]]:
    """Return the config of the words that fit, and a problem line for each that doesn't.

    None stands for the config where no single word is to blame.
    """
    problems: list[str] = []
    while True:
        keys = partial(_list_keys, name, words)
        try:
            with initialize_hydra(name):
                searched = complete_search_path(name, words)
                return compose(name, searched, return_hydra_config=True), problems
        except _NOT_UNDERSTOOD as error:
            problem, culprit = explain_error(error, words, name, keys)
        problems.append(problem)
        if culprit not in words:
            return None, problems
        words = [word for word in words if word != culprit]


def gather_problems(steps: Sequence[Callable[[], Any]]) -> list[Any]:
    """Return what each step gives.

    Raises:
        ConfigErrors: the problems of all steps together, each once.
    """
    given: list[Any] = []
    problems: list[str] = []
    for step in steps:
        try:
            given.append(step())
        except ConfigErrors as error:
            problems += error.problems
    if problems:
        raise ConfigErrors(list(dict.fromkeys(problems)))
    return given


def parse_overrides(words: Sequence[str]) -> list[Override]:
    """Return words as Hydra's overrides.

    Raises:
        ConfigErrors: every word that isn't one.
    """
    if problems := find_unreadable(words):
        raise ConfigErrors(list(problems.values()))
    return [override for word in words if (override := parse_override(word))]


def find_unreadable(words: Sequence[str]) -> dict[str, str]:
    """Return a problem line for each word that isn't one to Hydra."""
    return {word: explain_unreadable(word) for word in words if parse_override(word) is None}


def parse_override(word: str) -> Override | None:
    """Return a word as Hydra's override; None where it isn't one."""
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        return None


@contextmanager
def explain_errors(words: Sequence[str], name: str = "train") -> Generator[None]:
    """Turn Hydra's and OmegaConf's errors into one line with the nearest match."""
    try:
        yield
    except _NOT_UNDERSTOOD as error:
        problem, _ = explain_error(error, words, name, partial(_list_keys, name, words))
        raise ConfigErrors([problem]) from None


def drop_hydra(config: DictConfig) -> DictConfig:
    """Return a config without Hydra's own node."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


@contextmanager
def initialize_hydra(name: str) -> Generator[None]:
    """Let Hydra read the folder of a primary file, whatever it reads outside of the context."""
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(find_primary(name).parent), name, version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def _imply(word: str) -> dict[str, str]:
    """Return the words that a word brings along, by the place they fill."""
    parts = parse_word(word)
    if parts is None or not parts.value:
        return {}
    if parts.key == "split.of":
        return {"split.source": f"site@split.source={parts.value}"}
    return imply_search_path(word)


def _choose_file(word: str) -> str:
    """Return a word that names one site's loss or mask as Hydra reads it: it fills a node."""
    match = _FILE_OF_A_SITE.fullmatch(word)
    return f"+{match[2]}@{match[1]}={match[3]}" if match else word


def _list_keys(name: str, words: Sequence[str]) -> list[str]:
    """Return every key that a config has once words have chosen its groups; none if they can't."""
    parts = {word: found for word in words if (found := parse_word(word))}
    groups = [w for w, p in parts.items() if p.value in list_options(p.key, words)]
    try:
        with initialize_hydra(name):
            config = compose(name, [*list_search_words(name, words), *groups])
    except _NOT_UNDERSTOOD:
        return []
    return sorted(walk_keys(cast(dict[str, Any], OmegaConf.to_container(config))))
