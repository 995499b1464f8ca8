"""Checkpoints: whole or not there, the last two kept, a broken one skipped for the one before."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flmrcm.errors import CheckpointError
from flmrcm.federation.atomic import link_atomically, save_atomically
from flmrcm.learning.weights import read_file
from flmrcm.types import ServerState, Weights

log = logging.getLogger(__name__)

_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on after a round.

    Attributes:
        round: the last whole round.
        weights: the global weights after it.
        extras: what the strategy keeps at the server.
        memory: for each site, the round its private memory was written in.
        best_score: best mean validation PSNR (dB) of the participants so far.
        config: the run's resolved config, so that the file explains itself.
    """

    round: int
    weights: Weights
    extras: Mapping[str, Weights]
    memory: Mapping[str, int]
    best_score: float
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def state(self) -> ServerState:
        """The server's state."""
        return ServerState(self.weights, self.extras)


def read_checkpoint(path: Path) -> Checkpoint:
    """Gives a checkpoint of ours.

    Raises:
        CheckpointError: not there, truncated, or not of ours.
    """
    content = read_file(path)
    try:
        return Checkpoint(**content)
    except TypeError:
        raise CheckpointError(f"{path}: not a checkpoint of a run of ours.") from None


class CheckpointFolder:
    """A run's checkpoints: `round_NNNN.pt`, and under second names `last.pt` and `best.pt`.

    Args:
        folder: where they go; made when the first is written.
        keep_every: rounds whose checkpoint is kept for good; 0 keeps the last two only.
        config: the run's resolved config.
    """

    def __init__(self, folder: Path, keep_every: int, config: Mapping[str, Any]) -> None:
        self.folder, self.keep_every, self.config = folder, keep_every, config

    def save(self, checkpoint: Checkpoint, best: bool) -> list[Mapping[str, int]]:
        """Writes a checkpoint and deletes those no longer kept.

        Args:
            checkpoint: what to write.
            best: whether it's the best so far.

        Returns:
            the memory snapshots that the kept checkpoints need.
        """
        path = self._path(checkpoint.round)
        content = {**_fields(checkpoint), "config": self.config}
        try:
            save_atomically(content, path)
        except OSError as error:
            raise CheckpointError(
                f"{path}: can't be written ({error.strerror}). The checkpoint before it is whole: "
                f"make room, then go on with resume={self.folder.parent}."
            ) from None
        for name in ("last.pt", "best.pt")[: 1 + best]:
            link_atomically(path, self.folder / name)
        self._prune()
        kept = [read_checkpoint(p) for p in self._paths() if p != path]
        best_one = read_checkpoint(self.folder / "best.pt") if self._has_best() else checkpoint
        return [c.memory for c in (*kept, best_one, checkpoint)]

    def load(self) -> Checkpoint | None:
        """Gives the newest checkpoint that can be read; None where there's none yet.

        Raises:
            CheckpointError: there are some, and none can be read.
        """
        paths = self._paths()
        for path in reversed(paths):
            try:
                return read_checkpoint(path)
            except CheckpointError as error:
                log.warning("skipped: %s", error)
        if paths:
            raise CheckpointError(f"{self.folder}: none of {len(paths)} checkpoints can be read.")
        return None

    def _has_best(self) -> bool:
        return (self.folder / "best.pt").exists()

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("round_*.pt"))

    def _path(self, round_: int) -> Path:
        return self.folder / f"round_{round_:04}.pt"

    def _prune(self) -> None:
        for path in self._paths()[:-_KEPT]:
            round_ = int(path.stem.removeprefix("round_"))
            if not self.keep_every or (round_ + 1) % self.keep_every:
                path.unlink()


def _fields(checkpoint: Checkpoint) -> dict[str, Any]:
    return asdict(checkpoint)
