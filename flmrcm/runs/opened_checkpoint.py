"""A checkpoint of ours or of others, opened for use: its config, and its weights for a model."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from flmrcm import __version__
from flmrcm.config.compose import compose_config
from flmrcm.config.learner import load_weights
from flmrcm.config.run_config import complete_config
from flmrcm.config.trained_config import (
    find_foreign_classes,
    find_trained_config,
    list_private_weights,
)
from flmrcm.errors import CheckpointError, DataLayoutError, FlmrcmError
from flmrcm.federation.journal import Journal
from flmrcm.federation.memory import MemoryStore
from flmrcm.learning.weights import find_weights, read_torch_file
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.run_files import JOURNAL
from flmrcm.runs.testing import count_personal_training
from flmrcm.strategies.base import PERSONAL, PRIVATE, Strategy
from flmrcm.types import Memory, Weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A checkpoint's content, which may be built of.

    Attributes:
        path: the file.
        content: what it holds.
        trained: the config it was trained with, as it stands there; None in those of others.
    """

    path: Path
    content: Any
    trained: Mapping[str, Any] | None

    @cached_property
    def config(self) -> DictConfig:
        """Its config in today's words; that of a training as it stands for checkpoints of others.

        Raises:
            CheckpointError: what it was trained with isn't a whole config.
        """
        try:
            if self.trained is None:
                return compose_config("train", [])
            return complete_config(self.trained)
        except FlmrcmError as error:
            raise CheckpointError(f"{self.path}: {error}") from None

    @cached_property
    def private(self) -> dict[str, None]:
        """The names of the weights that stayed at the sites, in the model's order.

        Checkpoints of others hold every weight.
        """
        return {} if self.trained is None else list_private_weights(self.config)

    def load_shared(self, model: Reconstructor) -> None:
        """Load its weights; for those that stayed at the sites the model keeps its own.

        Raises:
            CheckpointError: they are another model's, or not finite.
        """
        load_weights(model, self.path, self.content, self.private)

    def load_tested(self, model: Reconstructor, strategy: Strategy, site: str) -> bool:
        """Load what a site is tested with; return whether it has weights of its own.

        Those that neither it nor the checkpoint holds stay as they are in the model.

        Raises:
            CheckpointError: it trained in this run, and its memory isn't beside the checkpoint.
        """
        shared, memory = self._find_shared(), Memory()
        if site in self.list_personal_sites():
            memory = self._load_memory(site)
        weights = strategy.personal_weights(memory, shared)
        load_weights(model, self.path, {"weights": weights}, self.private)
        return any(tensor is not shared.get(name) for name, tensor in weights.items())

    def count_personal_training(self, sites: Collection[str]) -> dict[str, dict[str, int]]:
        """Return what sites trained for themselves up to it, where its run's journal is there."""
        try:
            rows = Journal(self.path.parent.parent / JOURNAL).read()
        except DataLayoutError as error:  # scores don't depend on it
            log.warning("what sites trained for themselves isn't known: %s", error)
            rows = []
        return count_personal_training(rows, self.content["round"], sites)

    def load_personal(self, model: Reconstructor, strategy: Strategy, site: str) -> None:
        """Load the weights that a site is tested with: its private or personal ones first.

        Raises:
            CheckpointError: the site has none in this run, or they aren't beside the checkpoint.
        """
        weights = strategy.personal_weights(self._read_memory(site), self._find_shared())
        load_weights(model, self.path, {"weights": weights})

    def list_personal_sites(self) -> list[str]:
        """Return the sites that trained in its run, and may have weights of their own."""
        return sorted(self.content.get("memory") or ())

    def describe(self, model: Reconstructor, site: str) -> dict[str, Any]:
        """Return what images made with it say of it.

        Args:
            model: that holds its weights.
            site: of the run, as which images are reconstructed; empty for nobody.
        """
        return {
            "made_by": f"flmrcm {__version__}",
            "checkpoint": self.path.name,
            "checkpoint_sha256": self._digest,
            "network": type(model).__name__,
            **({"reconstructed_as": site} if site else {}),
        }

    @cached_property
    def _digest(self) -> str:
        return sha256(self.path.read_bytes()).hexdigest()

    def _find_shared(self) -> Weights:
        return find_weights(self.content, self.path)

    def _read_memory(self, site: str) -> Memory:
        sites = self.list_personal_sites()
        if site not in sites:
            raise CheckpointError(
                f"site={site}: has no weights of its own in the run of {self.path}; "
                f"{', '.join(sites) or 'no site'} has."
            )
        memory = self._load_memory(site)
        if not {PRIVATE, PERSONAL} & set(memory.tensors):
            folder = self.path.parent / "memory"
            raise CheckpointError(f"site={site}: its memory in {folder} holds no weights.")
        return memory

    def _load_memory(self, site: str) -> Memory:
        store = MemoryStore(self.path.parent / "memory")
        store.restore(self.content["memory"])
        try:
            return store.load(site)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error} The weights of site={site} stay in the run's folder beside its "
                "checkpoints, or where the site trained: use the checkpoint in that folder."
            ) from None


def open_checkpoint(path: Path, trust: bool) -> OpenedCheckpoint:
    """Return a checkpoint, read and, unless it's trusted, looked at before anything is built.

    Args:
        path: of a file of ours, of fastMRI, or of the published code.
        trust: build whatever classes its own config names.

    Raises:
        CheckpointError: the file can't be read, or its config names what isn't flmrcm's own.
    """
    content = read_torch_file(path)
    trained = find_trained_config(content)
    if trained is not None and not trust and (problems := find_foreign_classes(trained)):
        raise CheckpointError(
            f"{path}: {' '.join(problems)} Whoever wrote the file chose that; trust=true builds it "
            "all the same."
        )
    return OpenedCheckpoint(path, content, trained)
