"""A benchmark's protocol: the runs that a method is judged by, and what stays the same in all."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, ValidationError

from flmrcm.config.compose import compose_config, expand_words
from flmrcm.config.conf_files import find_conf_dir
from flmrcm.config.identity import hash_config
from flmrcm.errors import ConfigErrors, check_choice

Words = Sequence[str]
"""Words of `flmrcm train`."""


class Cell(NamedTuple):
    """One run of a protocol.

    Attributes:
        task: a name among the protocol's.
        setting: of the data, a name among the protocol's.
        target: the site that the task is about; methods that align sites align them with it.
        seed: of weights, order and training masks.
    """

    task: str
    setting: str
    target: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return "-".join(map(str, self))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Task(_Strict):
    """What a method has to do, at each of some settings, about each of some sites.

    Attributes:
        judged: all sites, or the target alone.
        words: of training, or of the evaluation where it is one.
        after: the task whose checkpoint it begins with; empty where it begins anew.
        after_setting: the setting of that checkpoint, where it is another.
        evaluates: whether that checkpoint is only tested, under `words`.
        strategy: what trains instead of the method; empty means the method.
    """

    title: str
    settings: Sequence[str]
    targets: Sequence[str]
    judged: Literal["all", "target"] = "all"
    words: Words = ()
    after: str = ""
    after_setting: str = ""
    evaluates: bool = False
    strategy: str = ""


class Protocol(_Strict):
    """A benchmark's protocol, as its file in conf/benchmark/ says it.

    Attributes:
        name: of the file.
        digest: of all that it says, but for its status, and of its table of volumes.
        folder: that holds the table.
        lender: name of the protocol whose table it is; empty where it is its own.
        status: a draft may change.
        words: of every run.
        models: words by the name of a model; the first is meant where none is said.
        settings: words by the name of a setting of the data.
        reference: the strategy that all others are tested against.
        convention: of the scores.
        least_gain: dB by which the reference has to be above zero-filled before anything is ranked.
        tolerance: by metric: how far a site's mean may be from that of a repeated run.
        volumes: the table beside the file that holds each volume's digest.
    """

    name: str
    digest: str
    folder: str
    lender: str
    title: str
    status: Literal["draft", "final"]
    words: Words
    models: Mapping[str, Words]
    settings: Mapping[str, Words]
    tasks: Mapping[str, Task]
    seeds: Sequence[int]
    reference: str
    convention: str
    least_gain: float
    tolerance: Mapping[str, float]
    volumes: str

    @property
    def table(self) -> Path:
        """The file of the volumes' digests."""
        return Path(self.folder, self.volumes)

    def list_cells(self) -> Iterator[Cell]:
        """Return every run that a method needs; those of one seed together."""
        for seed in self.seeds:
            for name, task in self.tasks.items():
                for setting in task.settings:
                    yield from (Cell(name, setting, target, seed) for target in task.targets)

    def list_chains(self, seeds: Sequence[int] = (), tasks: Words = ()) -> list[list[Cell]]:
        """Return the cells of some seeds and tasks, or of all, each behind the one it goes on from.

        That one is there also where its own task isn't asked for.
        """
        asked = [
            cell
            for cell in self.list_cells()
            if cell.seed in (seeds or self.seeds) and cell.task in (tasks or self.tasks)
        ]
        firsts = dict.fromkeys(self.find_start(cell) or cell for cell in asked)
        return [[first, *(c for c in asked if self.find_start(c) == first)] for first in firsts]

    def find_start(self, cell: Cell) -> Cell | None:
        """Return the cell that this one goes on from; None where it begins anew."""
        task = self.tasks[cell.task]
        setting = task.after_setting or cell.setting
        return cell._replace(task=task.after, setting=setting) if task.after else None

    def list_test_words(self, cell: Cell) -> list[str]:
        """Return the words under which a cell of a task that evaluates tests its checkpoint."""
        task = self.tasks[cell.task]
        return [*(self.settings[cell.setting] if task.after_setting else ()), *task.words]

    def compose_data(self, setting: str) -> DictConfig:
        """Return a config whose sites are those of a setting."""
        words = [f"strategy={self.reference}", *self.words, *self.settings[setting]]
        return compose_config("train", expand_words(words))

    def compose(
        self, cell: Cell, model: str, strategy: str | Mapping[str, Any], more: Words = ()
    ) -> DictConfig:
        """Return the training config of a cell.

        Args:
            cell: of a task that trains.
            model: a name among `models`.
            strategy: the method: the name of a config, or a config.
            more: where more configs are, and the checkpoint to begin with.

        Raises:
            ConfigErrors: a word that isn't understood.
        """
        task = self.tasks[cell.task]
        given = strategy if isinstance(strategy, str) else self.reference
        words = [
            *more, f"strategy={task.strategy or given}", *self.words, *self.models[model],
            *self.settings[cell.setting], *task.words, f"target={cell.target}",
            f"seed={cell.seed}", "name=benchmark",
        ]  # fmt: skip
        config = compose_config("train", expand_words(words))
        if not (isinstance(strategy, str) or task.strategy):
            OmegaConf.set_struct(config, False)
            config.strategy = OmegaConf.create(dict(strategy))
        return config


def identify(config: DictConfig) -> str:
    """Return a hash of all that changes a run's numbers, but for the file that it begins with."""
    own = config.copy()
    own.init_from = None
    return hash_config(_root_=own)


def read_protocol(name: str) -> Protocol:
    """Return a protocol of conf/benchmark/, or of a file of one's own, `my.yaml`.

    Raises:
        ConfigErrors: there is no such file, or not all that it needs is in it.
    """
    path = _locate(name, Path())
    if not path.is_file():
        known = sorted(p.stem for p in _locate("v1", Path()).parent.glob("*.yaml"))
        raise ConfigErrors(check_choice("benchmark", name, known))
    try:
        own, lender = _read_own(path)
        folder = (lender or path).parent
        about = {"name": path.stem, "folder": str(folder), "digest": _digest(own, folder)}
        protocol = Protocol.model_validate(own | about | {"lender": lender.stem if lender else ""})
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}." for e in error.errors()]
        raise ConfigErrors(lines) from None
    except (OSError, ValueError, TypeError, LookupError, yaml.YAMLError) as error:
        raise ConfigErrors([f"{path}: no protocol ({str(error).splitlines()[0]})."]) from None
    if problems := list(_find_problems(protocol)):
        raise ConfigErrors([f"{path}: {problem}" for problem in problems])
    return protocol


def _locate(name: str, beside: Path) -> Path:
    """Return where a protocol's file is: ours, or, with its ending, one beside another file."""
    own = name.endswith(".yaml")
    return beside / name if own else find_conf_dir() / "benchmark" / f"{name}.yaml"


def _read_own(path: Path) -> tuple[dict[str, Any], Path | None]:
    """Return what a file says, over what `based_on` says, and whose table it borrows."""
    own = yaml.safe_load(path.read_bytes())
    if "based_on" not in own:
        return own, None
    base = _locate(str(own.pop("based_on")), path.parent)
    rest = yaml.safe_load(base.read_bytes())
    if "based_on" in rest:
        raise ValueError(f"based_on: {base} is based on another one; name that")
    return {**rest, **own}, None if "volumes" in own else base


def _digest(own: Mapping[str, Any], folder: Path) -> str:
    """Return a digest of all that may change a result: not of comments, nor of the status."""
    words = json.dumps({**own, "status": None}, sort_keys=True).encode()
    table = folder / str(own["volumes"])
    return sha256(words + (table.read_bytes() if table.is_file() else b"")).hexdigest()


def _find_problems(protocol: Protocol) -> Iterator[str]:
    firsts = [name for name, task in protocol.tasks.items() if not task.after]
    for name, task in protocol.tasks.items():
        for setting in task.settings:
            yield from check_choice(f"tasks.{name}.settings", setting, list(protocol.settings))
        if task.after or task.evaluates:
            yield from check_choice(f"tasks.{name}.after", task.after, firsts)
        if task.after_setting:
            names = list(protocol.settings)
            yield from check_choice(f"tasks.{name}.after_setting", task.after_setting, names)
