"""A deployment in one process: four sites with their own files, and Flower's messages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from flwr.app import Error, Message
from flwr.supercore.task_identity import TaskIdentity
from kits.factories import write_site

from flmrcm.config.compose import compose_config
from flmrcm.config.travelling import build_run_id, hash_travelling_config, select_travelling_config
from flmrcm.federation.checkpoint import Checkpoint, read_checkpoint
from flmrcm.remote.connection import Connection
from flmrcm.remote.flower.connection import FlowerTransport
from flmrcm.remote.flower.daemon import build_handler
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.training import run_training

# what Flower's processes know of themselves; messages can't be made without
TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1

SITES = {"brats": "BraTS", "fastmri": "fastMRI", "hpks": "HPKS", "ixi": "IXI"}
WORDS = [
    "sites=bfhi", "target=brats", "compute=cpu", "logger=csv", "rounds=3", "validate_every=2",
    "model.channels=2", "model.pools=2", "local.batch_size=2",
]  # fmt: skip
ABROAD = ["engine=flower", "engine.federation=deploy/coordinator", "engine.patience=0"]


def write_site_files(root: Path) -> dict[str, Path]:
    """Writes four hospitals of unequal size, each with its own file, and gives the files."""
    site_files = {}
    for count, (name, folder) in enumerate(SITES.items()):
        write_site(root / folder, {"train": (2 + count,), "val": (2,), "test": (2, 2)})
        house = root / "site_files" / name / "site.yaml"
        house.parent.mkdir(parents=True)
        said = {"site": name, "data": {"root": str(root / folder)}, "threads": 1}
        house.write_text(yaml.safe_dump(said | {"compute": {"accelerator": "cpu"}}))
        site_files[name] = house
    return site_files


class OneProcessGrid:
    """Flower's grid as the engine sees it; what a node would do is done when it's pulled.

    Args:
        site_files: site → its file.
        resident: whether a site's process outlives a message.
    """

    def __init__(self, site_files: Mapping[str, Path], resident: bool = False) -> None:
        self.nodes = {name: 2**63 + count for count, name in enumerate(site_files)}
        self.site_files, self.resident = site_files, resident
        self.away: set[str] = set()
        self.silent: set[str] = set()
        self.seen: list[Message] = []
        self._answers: dict[str, Message] = {}
        self._makers: dict[str, Any] = {}

    def get_node_ids(self) -> Iterable[int]:
        return [number for name, number in self.nodes.items() if name not in self.away]

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        numbers = []
        for message in messages:
            numbers.append(str(len(self.seen)))
            message.metadata.__dict__["_message_id"] = numbers[-1]
            self.seen.append(message)
            if (answer := self._answer(message)) is not None:
                self._answers[numbers[-1]] = answer
        return numbers

    def pull_messages(self, numbers: Iterable[str]) -> list[Message]:
        return [self._answers.pop(number) for number in numbers if number in self._answers]

    def _answer(self, message: Message) -> Message | None:
        number = message.metadata.dst_node_id
        name = next(name for name, own in self.nodes.items() if own == number)
        if name in self.silent:
            return None
        if name in self.broken:
            return Message(Error(code=3, reason="Node\nunavailable"), reply_to=message)
        make = self._makers.get(name) or build_handler(self.site_files[name])
        if self.resident:
            self._makers[name] = make
        config = select_travelling_config(self.config)
        return Message(make(message.content, config), reply_to=message)

    broken: frozenset[str] = frozenset()
    config: Mapping[str, Any] = {}

    def reach(self, folder: Path) -> Any:
        """Gives what the coordinator's process would: the way to the sites."""

        def way(parts: Any) -> Connection:
            self.config = parts.config
            travels = select_travelling_config(parts.config)
            grid = FlowerTransport(self, self.nodes)
            return Connection(
                grid, hash_travelling_config(travels), build_run_id(travels, folder.name)
            )

        return way


def run_abroad(folder: Path, grid: OneProcessGrid, *words: str, resumes: bool = False) -> RunFolder:
    """Runs a federation over the grid."""
    here = RunFolder(folder)
    run_training(
        compose_config("train", [*WORDS, *ABROAD, *words]), here, resumes, grid.reach(folder)
    )
    return here


def run_here(folder: Path, root: Path, *words: str) -> RunFolder:
    """Runs the same in this process."""
    here = RunFolder(folder)
    near = [f"data_dir={root}", "engine.threads=1"]
    run_training(compose_config("train", [*WORDS, *near, *words]), here, False)
    return here


def ended_here(folder: Path, root: Path, *words: str) -> Checkpoint:
    """Gives the state in which the same ends in this process."""
    return last(run_here(folder, root, *words))


def last(run: RunFolder) -> Checkpoint:
    """Gives the state a run ended in."""
    return read_checkpoint(run.path / "checkpoints" / "last.pt")
