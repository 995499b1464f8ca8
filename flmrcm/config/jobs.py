"""Which runs words stand for: one, or every combination of a multirun's values."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from omegaconf import DictConfig

from flmrcm.config.compose import (
    compose_config,
    drop_hydra,
    expand_words,
    explain_errors,
    gather_problems,
    parse_override,
    parse_overrides,
)
from flmrcm.config.explain import explain_sweep
from flmrcm.config.words import is_multirun, quote_texts
from flmrcm.errors import ConfigErrors


class ComposedJob(NamedTuple):
    """One run that words stand for.

    Attributes:
        config: composed.
        folder: where a multirun puts it; None for a single run.
        whole: the config of a single run with Hydra's own node; None in a multirun.
    """

    config: DictConfig
    folder: Path | None = None
    whole: DictConfig | None = None


def compose_jobs(name: str, words: Sequence[str], multirun: bool) -> list[ComposedJob]:
    """Return every job that the words stand for; one, unless a multirun.

    A sweeper that chooses as it goes (optuna) can't say its jobs beforehand: it gives one, without
    a folder.

    Raises:
        ConfigErrors: every word that isn't understood, in whichever job.
    """
    words = expand_words(words, multirun)
    plain = [override for word in words if (override := parse_override(word))]
    swept = [str(o.input_line) for o in plain if o.is_sweep_override()]
    try:
        first = compose_config(name, [word for word in words if word not in swept], True)
    except ConfigErrors as error:
        alone = not multirun and not is_multirun(words)
        raise ConfigErrors([*error.problems, *(explain_sweep(w) for w in swept if alone)]) from None
    if not multirun and str(first.hydra.mode).rsplit(".", 1)[-1] != "MULTIRUN":
        return [_compose_job(name, words, multirun=False) if swept else _place(first, words)]
    if not first.hydra.sweeper["_target_"].endswith("BasicSweeper"):
        return [ComposedJob(drop_hydra(first))]
    grid = {str(k): str(v) for k, v in (first.hydra.sweeper.get("params") or {}).items()}
    typed = {override.key_or_group for override in plain}
    everything = [*words, *(f"{key}={value}" for key, value in grid.items() if key not in typed)]
    return gather_problems(
        [
            lambda job=job: _compose_job(name, job, multirun=True)
            for job in list_combinations(everything)
        ]
    )


def list_combinations(words: Sequence[str]) -> list[list[str]]:
    """Return every combination of the values that words list: `a=1,2 b=3` gives two."""
    sweep = parse_overrides(quote_texts(words, many=True))
    with explain_errors(words):
        batches = BasicSweeper.split_arguments(sweep, max_batch_size=None)
    return [list(job) for batch in batches for job in batch]


def _compose_job(name: str, words: Sequence[str], multirun: bool) -> ComposedJob:
    return _place(compose_config(name, words, with_hydra=True), words, multirun)


def _place(config: DictConfig, words: Sequence[str], multirun: bool = False) -> ComposedJob:
    with explain_errors(words):
        hydra = config.hydra
        place = Path(hydra.sweep.dir) / hydra.sweep.subdir if multirun else Path(hydra.run.dir)
    own = drop_hydra(config)
    return ComposedJob(own, folder=place) if multirun else ComposedJob(own, whole=config)
