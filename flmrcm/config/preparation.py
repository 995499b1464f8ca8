"""From the words and config of `flmrcm prepare` to the objects that do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from flmrcm.config.build import Builder, locate_target, to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import describe_options, list_options_with_key
from flmrcm.config.site_files import find_name_problems
from flmrcm.data.source import SPLITS
from flmrcm.errors import ConfigErrors, require, suggest_nearest
from flmrcm.files import expand_home
from flmrcm.prepare.output_folder import OutputFolder
from flmrcm.prepare.pipeline import Preparation
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import VolumeSource
from flmrcm.prepare.splits import SplitByList, SplitByShare, SplitRule, read_subject_list
from flmrcm.prepare.volume_task import DrawSheet, Preparer

RECIPE = ("foreground", "pixel_mm", "size", "phase", "seed")
OPTIONS = ("limit", "dry_run", "workers", "strict", "sheets", "site_config", "salt")
PATHS = ("input", "output", "contrasts")
"""Keys that may differ between two calls into one folder, beside the manner."""

_TABLES = ("contrast_patterns", "acquisitions", "suffixes")
"""Keys of a source that hold contrasts; a user adds contrasts of his own without Hydra's `+`."""


@dataclass(frozen=True)
class PreparationOptions:
    """How it's gone about; none of it changes a byte of what is made.

    Args:
        workers: processes.
        limit: subjects at most.
        dry_run: only say what would be done.
        strict: stop at the first volume that can't be used.
        sheets: draw a contact sheet for each volume.
        site_config: name of the site and sites files to write.
        salt: of the names.

    Raises:
        ConfigErrors: a value outside its range.
    """

    workers: int = 1
    limit: int | None = None
    dry_run: bool = False
    strict: bool = False
    sheets: bool = True
    site_config: str | None = None
    salt: str | None = None

    def __post_init__(self) -> None:
        limit, salt = self.limit, self.salt
        require(
            {
                "workers": (self.workers >= 1, f"at least 1; got {self.workers}."),
                "limit": (limit is None or limit >= 1, f"at least 1, or null; got {limit}."),
                "salt": (salt is None or len(salt) >= 8, "at least 8 characters, or null."),
            }
        )
        if problems := find_name_problems(self.site_config):
            raise ConfigErrors(problems)


@dataclass(frozen=True)
class PreparationJob:
    """All that a call needs.

    Attributes:
        preparation: finds, deals, does.
        manner: how.
        arguments: what every call into the folder shares; holds no path and no subject.
    """

    preparation: Preparation
    options: PreparationOptions
    arguments: Mapping[str, Any]


def compose_preparation(words: Sequence[str]) -> DictConfig:
    """Return the config of words as typed; paths and patterns need no quotes but the shell's.

    Raises:
        ConfigErrors: one line with the nearest match.
    """
    if not any(word.startswith("source=") for word in words):
        raise ConfigErrors([f"source: give source=NAME, one of {describe_options('source')}."])
    opened = [_open_table(word, words) for word in words]
    return compose_config("prepare", opened)


def build_preparation(cfg: DictConfig, draw: DrawSheet) -> PreparationJob:
    """Return the objects a config describes; touch no file but given lists.

    Args:
        cfg: as `compose_preparation` gives it.
        draw: a volume's contact sheet.

    Raises:
        ConfigErrors: every problem of every key.
    """
    builder = Builder()
    values, node = _read_values(cfg, builder)
    recipe = (
        builder.call(PreparationRecipe, {key: values[key] for key in RECIPE}) or PreparationRecipe()
    )
    manner = (
        builder.call(PreparationOptions, {key: values[key] for key in OPTIONS})
        or PreparationOptions()
    )
    division = builder.attempt("split", lambda: _build_division(to_plain(cfg.split), recipe.seed))
    own = {key: value for key, value in node.items() if not key.startswith("_")}
    made = _build_source(node, own, builder)
    builder.raise_if_any()
    source = cast(VolumeSource, made)
    name = node["_target_"].split(".")[-2]
    shared = {key: value for key, value in own.items() if key not in PATHS}
    output = expand_home(str(values["output"]))
    preparation = Preparation(
        source,
        OutputFolder(output),
        cast(SplitRule, division),
        Preparer(source, recipe, name, draw if manner.sheets else None),
        site=output.resolve().name,
        salt=manner.salt,
        limit=manner.limit,
    )
    shares = dict(division.shares) if isinstance(division, SplitByShare) else "lists"
    return PreparationJob(
        preparation, manner, {"source": name, **shared, **recipe.list_arguments(), "split": shares}
    )


def _build_source(node: Mapping[str, Any], own: dict[str, Any], builder: Builder) -> Any:
    """Return the source; None where it has a problem, or its node had one."""
    if not node:
        return None
    make = builder.attempt("source", lambda: locate_target("source", node["_target_"]))
    return builder.call(make, own) if make else None


def _read_values(cfg: DictConfig, builder: Builder) -> tuple[dict[str, Any], dict[str, Any]]:
    """The common keys, and the source's node; empty where it can't be resolved."""
    missing = [key for key in ("input", "output") if OmegaConf.is_missing(cfg, key)]
    builder.problems += [f"{key}: give {key}=FOLDER." for key in missing]
    values = {
        str(key): to_plain(cfg[key]) for key in cfg if key not in (*missing, "source", "split")
    }
    if isinstance(values["size"], int):
        values["size"] = [values["size"]] * 2
    return values, {} if missing else to_plain(cfg.source)


def _build_division(node: Mapping[str, Any], seed: int) -> SplitRule:
    if unknown := [key for key in node if key not in SPLITS]:
        key = unknown[0]
        raise ConfigErrors([f"split.{key}: there is no such split.{suggest_nearest(key, SPLITS)}"])
    values = {split: node.get(split) for split in SPLITS}
    if all(isinstance(value, int | float) for value in values.values()):
        return SplitByShare({split: float(node[split]) for split in SPLITS}, seed)
    if any(isinstance(value, int | float) and value for value in values.values()):
        raise ConfigErrors(["split: give shares for all three splits, or lists for all three."])
    return SplitByList({split: _read_subjects(value) for split, value in values.items()})


def _read_subjects(value: Any) -> list[str]:
    """A split's subjects: a list, or the name of a file with one a line."""
    return (
        read_subject_list(Path(value))
        if isinstance(value, str)
        else [str(item) for item in value or ()]
    )


def _open_table(word: str, words: Sequence[str]) -> str:
    """Return a word that may add a contrast to a table, if the chosen source has that table."""
    table = word.partition("=")[0].partition(".")[0]
    has_it = table in _TABLES and set(words) & set(list_options_with_key(f"source.{table}"))
    return f"++{word}" if has_it else word
