"""Choosing runs by words: `state=failed strategy=fl_mr,fedprox mask.accelerations=[8]`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import yaml

from flmrcm.config.conf_files import find_options, walk_keys
from flmrcm.errors import ConfigErrors, check_choice, fold, suggest_nearest
from flmrcm.reports.collected.run_overview import STATES, RunOverview

OWN_WORDS = ("state", "method", "strategy", "target", "seed")
"""What can be asked for besides the keys of configs."""

_COMMA = re.compile(r",(?![^\[]*\])")


def filter_runs(runs: Sequence[RunOverview], words: Sequence[str]) -> list[RunOverview]:
    """Return the runs that every word fits.

    Args:
        runs: to choose from.
        words: `KEY=VALUE`, or `KEY=VALUE,VALUE` for either; a key is one of `OWN_WORDS` or of a
            config. Capitals, `-`, `_` and spaces don't count.

    Raises:
        ConfigErrors: a key that no run has, or a state that there isn't.
    """
    asked = [(key, _COMMA.split(value)) for key, _, value in (w.partition("=") for w in words)]
    if problems := [line for key, values in asked for line in _find_problems(key, values, runs)]:
        raise ConfigErrors(problems)
    return [run for run in runs if all(_fits(run, key, values) for key, values in asked)]


def _find_problems(key: str, values: Sequence[str], runs: Sequence[RunOverview]) -> list[str]:
    if key == "state":
        return [line for value in values for line in check_choice("state", value, STATES)]
    known = {*OWN_WORDS, *(found for run in runs for found in walk_keys(run.config))}
    return [] if key in known else [f"{key}: no run has this key.{suggest_nearest(key, known)}"]


def _fits(run: RunOverview, key: str, values: Sequence[str]) -> bool:
    own = {fold(str(value)) for value in _list_values(run, key)}
    return not own.isdisjoint(map(fold, values))


def _list_values(run: RunOverview, key: str) -> Iterator[Any]:
    """Yield all that may be typed for a run's value."""
    if key == "strategy":
        name = str((run.config.get("strategy") or {}).get("name"))
        yield from (name, *_read_strategies().get(name, ()))
    elif key in OWN_WORDS:
        yield getattr(run, key)
    else:
        value: Any = run.config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        yield "null" if value is None else str(value).lower() if isinstance(value, bool) else value


@cache
def _read_strategies() -> dict[str, list[str]]:
    """Return which files of conf/strategy/, and of plugins, stand for a strategy's name."""
    options: dict[str, list[str]] = {}
    for option, file in find_options("strategy").items():
        content = yaml.safe_load(file.read_text())
        options.setdefault(str(content.get("name")), []).append(option)
    return options
