"""A deployment in one process: four sites with their own files, and Flower's messages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from flwr.app import Error, Message
from flwr.supercore.task_identity import TaskIdentity
from kits.factories import write_site

from flmrcm.config.compose import compose_config
from flmrcm.config.travelling import dump_config, select_travelling_config
from flmrcm.federation.checkpoint import Checkpoint, read_checkpoint
from flmrcm.remote.connection import Connection
from flmrcm.remote.flower.app.site import build_handler
from flmrcm.remote.flower.connection import FlowerTransport
from flmrcm.remote.requests import connect
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.training import run_training

# identities of Flower's processes, without which no message can be made
TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1

SITES = {"brats": "BraTS", "fastmri": "fastMRI", "hpks": "HPKS", "ixi": "IXI"}
WORDS = [
    "sites=bfhi", "target=brats", "compute=cpu", "logger=csv", "rounds=3", "validate_every=2",
    "model.channels=2", "model.pools=2", "local.batch_size=2",
]  # fmt: skip
RUNS = [
    ("strategy=fl_mr",), ("strategy=fl_mrcm_latent",), ("strategy=scaffold",),
    ("strategy=fl_mrcm_latent", "model=varnet", "model.cascades=2", "model.sens_pools=2"),
]  # fmt: skip
REMOTE = ["engine=flower", "engine.federation=deploy/coordinator", "engine.patience=0"]


def write_site_files(root: Path) -> dict[str, Path]:
    """Write four hospitals of unequal size, each with its own file; return the files."""
    site_files = {}
    for count, (name, folder) in enumerate(SITES.items()):
        write_site(root / folder, {"train": (2 + count,), "val": (2,), "test": (2, 2)})
        site_file = root / "site_files" / name / "site.yaml"
        site_file.parent.mkdir(parents=True)
        values = {"site": name, "data": {"root": str(root / folder)}, "threads": 1}
        site_file.write_text(yaml.safe_dump(values | {"compute": {"accelerator": "cpu"}}))
        site_files[name] = site_file
    return site_files


class OneProcessGrid:
    """Flower's grid as the engine sees it; a node answers when its message is pushed.

    Args:
        site_files: site → its file.
        daemon: whether a site's process outlives a message.
    """

    def __init__(self, site_files: Mapping[str, Path], daemon: bool = False) -> None:
        self.nodes = {name: 2**63 + count for count, name in enumerate(site_files)}
        self.site_files, self.daemon = site_files, daemon
        self.absent: set[str] = set()
        self.silent: set[str] = set()
        self.seen: list[Message] = []
        self._answers: dict[str, Message] = {}
        self._handlers: dict[str, Any] = {}

    def get_node_ids(self) -> Iterable[int]:
        return [number for name, number in self.nodes.items() if name not in self.absent]

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
        handle = self._handlers.get(name) or build_handler(self.site_files[name])
        if self.daemon:
            self._handlers[name] = handle
        config = dump_config(select_travelling_config(self.config))
        return Message(handle(message.content, config), reply_to=message)

    broken: frozenset[str] = frozenset()
    config: Mapping[str, Any] = {}

    def build_connect(self, folder: Path) -> Any:
        """Return the function with which the coordinator's process connects to the sites."""

        def connect_sites(setup: Any) -> Connection:
            self.config = setup.config
            return connect(setup, folder.name, FlowerTransport(self, self.nodes))

        return connect_sites


def run_remote(folder: Path, grid: OneProcessGrid, *words: str, resumes: bool = False) -> RunFolder:
    """Run a federation over the grid and return its folder."""
    run = RunFolder(folder)
    cfg = compose_config("train", [*WORDS, *REMOTE, *words])
    run_training(cfg, run, resumes, grid.build_connect(folder))
    return run


def run_local(folder: Path, root: Path, *words: str) -> RunFolder:
    """Run the same federation in this process and return its folder."""
    run = RunFolder(folder)
    local = [f"data_dir={root}", "engine.threads=1"]
    run_training(compose_config("train", [*WORDS, *local, *words]), run, False)
    return run


def end_local(folder: Path, root: Path, *words: str) -> Checkpoint:
    """Return the last checkpoint of the same federation in this process."""
    return last(run_local(folder, root, *words))


def last(run: RunFolder) -> Checkpoint:
    """Return a run's last checkpoint."""
    return read_checkpoint(run.path / "checkpoints" / "last.pt")
