"""From the words and config of `flmrcm prepare` to the objects that do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from flmrcm.assembly.checking import Gathering, plain
from flmrcm.assembly.compose import composed, options_of
from flmrcm.assembly.site_config import refuse_config_name
from flmrcm.data.prepare.folder import OutputFolder
from flmrcm.data.prepare.preparation import Preparation
from flmrcm.data.prepare.recipe import Recipe
from flmrcm.data.prepare.scan import VolumeSource
from flmrcm.data.prepare.splits import ByList, ByShare, Division, read_list
from flmrcm.data.prepare.volume import Draw, Preparer
from flmrcm.data.source import SPLITS
from flmrcm.errors import ConfigErrors, nearest, require

RECIPE = ("foreground", "pixel_mm", "size", "phase", "seed")
MANNER = ("limit", "dry_run", "workers", "strict", "sheets", "site_config", "salt")
PLACES = ("input", "output", "contrasts")
"""Keys that may differ between two calls into one folder, beside the manner."""

_TEXT = ("input", "output", "salt", "site_config")


@dataclass(frozen=True)
class Manner:
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
        if problems := refuse_config_name(self.site_config):
            raise ConfigErrors(problems)


@dataclass(frozen=True)
class Job:
    """All that a call needs.

    Attributes:
        preparation: finds, deals, does.
        manner: how.
        arguments: what every call into the folder shares; holds no path and no subject.
    """

    preparation: Preparation
    manner: Manner
    arguments: Mapping[str, Any]


def compose_preparation(words: Sequence[str]) -> DictConfig:
    """Gives the config of words as typed; paths and patterns need no quotes but the shell's.

    Raises:
        ConfigErrors: one line with the nearest match.
    """
    if not any(word.startswith("source=") for word in words):
        raise ConfigErrors([f"source: give source=NAME, one of {', '.join(options_of('source'))}."])
    return composed("prepare", [_quoted(word) for word in words])


def build_preparation(cfg: DictConfig, draw: Draw) -> Job:
    """Gives the objects a config describes; touches no file but given lists.

    Args:
        cfg: as `compose_preparation` gives it.
        draw: a volume's contact sheet.

    Raises:
        ConfigErrors: every problem of every key.
    """
    found = Gathering()
    values, node = _values(cfg, found)
    recipe = found.call(Recipe, {key: values[key] for key in RECIPE}) or Recipe()
    manner = found.call(Manner, {key: values[key] for key in MANNER}) or Manner()
    division = found.attempt("split", lambda: _division(plain(cfg.split), recipe.seed))
    own = {key: value for key, value in node.items() if not key.startswith("_")}
    made = found.call(get_object(node["_target_"]), own) if node else None
    found.raise_if_any()
    source = cast(VolumeSource, made)
    name = node["_target_"].split(".")[-2]
    shared = {key: value for key, value in own.items() if key not in PLACES}
    output = Path(str(values["output"])).expanduser()
    preparation = Preparation(
        source,
        OutputFolder(output),
        cast(Division, division),
        Preparer(source, recipe, name, draw if manner.sheets else None),
        site=output.resolve().name,
        salt=manner.salt,
        limit=manner.limit,
    )
    shares = dict(division.shares) if isinstance(division, ByShare) else "lists"
    return Job(
        preparation, manner, {"source": name, **shared, **recipe.as_arguments(), "split": shares}
    )


def _values(cfg: DictConfig, found: Gathering) -> tuple[dict[str, Any], dict[str, Any]]:
    """The common keys, and the source's node; empty where it can't be resolved."""
    missing = [key for key in ("input", "output") if OmegaConf.is_missing(cfg, key)]
    found.problems += [f"{key}: give {key}=FOLDER." for key in missing]
    values = {str(key): plain(cfg[key]) for key in cfg if key not in (*missing, "source", "split")}
    if isinstance(values["size"], int):
        values["size"] = [values["size"]] * 2
    return values, {} if missing else plain(cfg.source)


def _division(node: Mapping[str, Any], seed: int) -> Division:
    if unknown := [key for key in node if key not in SPLITS]:
        key = unknown[0]
        raise ConfigErrors([f"split.{key}: there is no such split.{nearest(key, SPLITS)}"])
    values = {split: node.get(split) for split in SPLITS}
    if all(isinstance(value, int | float) for value in values.values()):
        return ByShare({split: float(node[split]) for split in SPLITS}, seed)
    if any(isinstance(value, int | float) and value for value in values.values()):
        raise ConfigErrors(["split: give shares for all three splits, or lists for all three."])
    return ByList({split: _listed(value) for split, value in values.items()})


def _listed(value: Any) -> list[str]:
    """A split's subjects: a list, or the name of a file with one a line."""
    return read_list(Path(value)) if isinstance(value, str) else [str(item) for item in value or ()]


def _quoted(word: str) -> str:
    """Keeps Hydra from reading brackets, commas and the like in paths and patterns."""
    key, equals, value = word.partition("=")
    is_text = key in _TEXT or key.endswith("_pattern")
    if not (equals and is_text) or value in ("", "null") or value[0] in "'\"":
        return word
    escaped = value.replace("'", "\\'")
    return f"{key}='{escaped}'"
