"""From words typed to a composed config: where `conf/` lies, habits, one-line errors, jobs."""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from flmrcm.config.conf_files import find_conf_dir
from flmrcm.config.identity import hash_config
from flmrcm.errors import ConfigErrors, suggest_nearest


def register_resolvers() -> None:
    """Makes `${config_hash:}` and `${random_tag:}` known to configs."""
    OmegaConf.register_new_resolver("config_hash", hash_config, replace=True)
    OmegaConf.register_new_resolver(
        "random_tag", lambda: token_hex(2), use_cache=True, replace=True
    )


def expand_words(words: Sequence[str]) -> list[str]:
    """Gives the overrides with `split.of=SITE` also choosing that site's file."""
    chosen = [f"site@split.source={w[9:]}" for w in words if w.startswith("split.of=")]
    return [*words, *chosen]


def compose_config(name: str, words: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """Gives a config composed from words as typed.

    Args:
        name: of the primary file, `train` or `evaluate`.
        words: `key=value`, `group=name`, `+key=value`, `~key`.
        with_hydra: keep Hydra's own node.

    Raises:
        ConfigErrors: one line with the nearest match.
    """
    register_resolvers()
    with _initialize_hydra(), explain_errors(words, name):
        return compose(name, list(words), return_hydra_config=with_hydra)


class ComposedJob(NamedTuple):
    """One run that words stand for.

    Attributes:
        config: composed.
        folder: where a multirun puts it; None for a single run.
    """

    config: DictConfig
    folder: Path | None = None


def compose_jobs(name: str, words: Sequence[str], multirun: bool) -> list[ComposedJob]:
    """Gives every job that the words stand for; one, unless a multirun.

    A sweeper that chooses as it goes (optuna) can't say its jobs beforehand: it gives one, without
    a folder.
    """
    with explain_errors(words):
        plain = OverridesParser.create().parse_overrides(list(words))
    first = compose_config(
        name, [w for w, o in zip(words, plain, strict=True) if not o.is_sweep_override()], True
    )
    if not multirun and str(first.hydra.mode).rsplit(".", 1)[-1] != "MULTIRUN":
        return [ComposedJob(compose_config(name, words))]
    if not first.hydra.sweeper["_target_"].endswith("BasicSweeper"):
        return [ComposedJob(_drop_hydra(first))]
    grid = {str(k): str(v) for k, v in (first.hydra.sweeper.get("params") or {}).items()}
    typed = {override.key_or_group for override in plain}
    everything = [*words, *(f"{key}={value}" for key, value in grid.items() if key not in typed)]
    return [_compose_job(compose_config(name, job, True)) for job in list_combinations(everything)]


def list_combinations(words: Sequence[str]) -> list[list[str]]:
    """Gives every combination of the values that words list: `a=1,2 b=3` gives two."""
    with explain_errors(words):
        sweep = OverridesParser.create().parse_overrides(list(words))
    batches = BasicSweeper.split_arguments(sweep, max_batch_size=None)
    return [list(job) for batch in batches for job in batch]


def _compose_job(cfg: DictConfig) -> ComposedJob:
    folder = Path(cfg.hydra.sweep.dir) / cfg.hydra.sweep.subdir
    return ComposedJob(_drop_hydra(cfg), folder)


def _drop_hydra(cfg: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])


def is_group(key: str) -> bool:
    """Tells whether an override's key names a config group, `strategy`, rather than a value."""
    return (find_conf_dir() / key.split("@")[0]).is_dir()


@contextmanager
def explain_errors(words: Sequence[str], name: str = "train") -> Generator[None]:
    """Turns Hydra's and OmegaConf's errors into one line with the nearest match."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigErrors([_explain(error, words, name)]) from None


@contextmanager
def _initialize_hydra() -> Generator[None]:
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(find_conf_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def _explain(error: Exception, words: Sequence[str], name: str) -> str:
    text = " ".join(str(error).split())
    if match := re.search(r"Could not find '([^']+)/([^/']+)'", text) or re.search(
        r"Could not load '([^']+)/([^/']+)'", text
    ):
        group, option = match.groups()
        options = list_options(group)
        return (
            f"{group}={option}: use one of {', '.join(options)}.{suggest_nearest(option, options)}"
        )
    if match := re.search(r"Key '([^']+)' is not in struct full_key: ([\w.]+)", text):
        return _explain_unknown_key(match[2], words, name)
    if match := re.search(r"Could not override '([^']+)'", text):
        return _explain_unknown_key(match[1], words, name)
    typed = f" (typed: {' '.join(words)})" if words else ""
    return f"{text}{typed}"


def _explain_unknown_key(key: str, words: Sequence[str], name: str) -> str:
    keys = sorted(list_keys(words, name))
    if inner := [known.removeprefix(f"{key}.") for known in keys if known.startswith(f"{key}.")]:
        return f"{key}: a key in it is unknown; it has {', '.join(inner)}."
    last = key.rsplit(".", 1)[-1]
    guess = suggest_nearest(key, keys) or suggest_nearest(
        last, [k.rsplit(".", 1)[-1] for k in keys]
    )
    return f"{key}: there is no such key.{guess} `flmrcm {name} --cfg job` prints all of them."


def list_keys(words: Sequence[str] = (), name: str = "train") -> set[str]:
    """Gives every key of a config, groups and inner nodes too, as its typed groups make it."""
    groups = [word for word in words if is_group(word.split("=")[0])] if name != "train" else []

    def below(node: Any, prefix: str) -> Iterator[str]:
        for key, value in node.items() if isinstance(node, dict) else ():
            yield f"{prefix}{key}"
            yield from below(value, f"{prefix}{key}.")

    return set(below(OmegaConf.to_container(compose_config(name, groups)), ""))


def list_options(group: str) -> list[str]:
    """Gives the files a group offers, those of sub-folders as `folder/name`."""
    folder = find_conf_dir() / group.split("@")[0]
    paths = (path.relative_to(folder).with_suffix("") for path in sorted(folder.rglob("*.yaml")))
    return [path.as_posix() for path in paths if not path.name.startswith("_")]
