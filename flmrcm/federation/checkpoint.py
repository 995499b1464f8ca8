"""Checkpoints: whole or not there; the last two are kept; a broken one is skipped."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from flmrcm.errors import CheckpointError
from flmrcm.federation.averaging import EMA
from flmrcm.federation.journal import Seal
from flmrcm.federation.participation import Suspensions
from flmrcm.files import delete_stale, flush_files, link_atomically
from flmrcm.learning.weights import read_torch_file, write_torch_file
from flmrcm.types import ServerState, Weights

log = logging.getLogger(__name__)

_KEPT = 2
_NAME = re.compile(r"round_\d{4,}\.pt")


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on after a round.

    Attributes:
        round: the last whole round.
        weights: the global weights after it.
        extras: tensors that the strategy keeps at the server, by kind.
        memory: for each site, the round its private memory was written in.
        best_score: best mean validation PSNR (dB) of the participants so far.
        best_round: the round it was reached in; -1 before any validation.
        suspensions: the sites that failed lately; see `federation.participation`.
        journal: what the journal held after the round; None in a checkpoint of an older version.
        config: the run's resolved config, so that the file explains itself.
        fine_tuned: whether the sites have fine-tuned since its last round; it's then counted as a
            round that changed no global weight.
        stale: validations since the one with the best score.
    """

    round: int
    weights: Weights
    extras: Mapping[str, Weights]
    memory: Mapping[str, int]
    best_score: float
    best_round: int
    suspensions: Suspensions = field(default_factory=dict[str, tuple[int, int]])
    journal: Seal | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fine_tuned: bool = False
    stale: int = 0

    @property
    def state(self) -> ServerState:
        """The server's state."""
        return ServerState(self.weights, self.extras)


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint that a file holds.

    Raises:
        CheckpointError: there is no file, or it is truncated or not a checkpoint of a run.
    """
    content = read_torch_file(path)
    try:
        if "bench" in content:  # version 0.1.0 calls it so
            content["suspensions"] = content.pop("bench")
        return Checkpoint(**content)
    except TypeError:
        raise CheckpointError(f"{path}: not a checkpoint of an flmrcm run.") from None


class CheckpointFolder:
    """A run's checkpoints: `round_NNNN.pt`, and under second names `last.pt` and `best.pt`.

    Where an average of the weights is kept, `last_ema.pt` is `last.pt` with it in their place.

    Args:
        folder: where the files go; made with the first of them.
        keep_every: every so many rounds a checkpoint is kept for good; 0 keeps the last two only.
        config: the run's resolved config.
    """

    def __init__(self, folder: Path, keep_every: int, config: Mapping[str, Any]) -> None:
        self.folder, self.keep_every, self.config = folder, keep_every, config
        self._snapshots: dict[int, Mapping[str, int]] = {}

    def save(self, checkpoint: Checkpoint) -> list[Mapping[str, int]]:
        """Write a checkpoint and delete those that are no longer kept.

        The run's tables are on the device before it, so that a power cut can't lose them alone.

        Returns:
            The memory snapshots that the kept checkpoints need.

        Raises:
            CheckpointError: the device is full or refuses; the checkpoint before is whole.
        """
        checkpoint = replace(checkpoint, config=self.config)
        self._write(self._path(checkpoint.round), checkpoint)
        self._link_names(checkpoint)
        self._delete_old()
        self._snapshots[checkpoint.round] = checkpoint.memory
        # best.pt is a name of a file whose round may have been deleted since: its memory stays, too
        kept = {*map(_read_round, self._paths()), checkpoint.best_round}
        self._snapshots = {r: memory for r, memory in self._snapshots.items() if r in kept}
        return list(self._snapshots.values())

    def load(self, before: float = inf) -> Checkpoint | None:
        """Return the newest checkpoint that can be read; None where there is none yet.

        What killed processes left while they wrote is deleted.

        Args:
            before: only checkpoints of earlier rounds count.

        Raises:
            CheckpointError: there are checkpoints, and none can be read.
        """
        delete_stale(self.folder)
        paths = [path for path in self._paths() if _read_round(path) < before]
        for path in reversed(paths):
            try:
                checkpoint = read_checkpoint(path)
            except CheckpointError as error:
                log.warning("skipped: %s", error)
                continue
            self._link_names(checkpoint)  # a crash may have come between the file and its names
            self._recall_best(checkpoint.best_round)
            self._snapshots = dict(self._read_snapshots())
            return checkpoint
        if paths:
            raise CheckpointError(f"{self.folder}: none of {len(paths)} checkpoints can be read.")
        return None

    def drop(self, round_: int) -> None:
        """Delete the checkpoint of a round that is to be done again later, after other rounds."""
        self._path(round_).unlink()

    def _write(self, path: Path, checkpoint: Checkpoint) -> None:
        try:
            flush_files(self.folder.parent.glob("*.csv"))
            write_torch_file(path, vars(checkpoint))
        except OSError as error:
            raise CheckpointError(
                f"{path}: can't be written ({error.strerror}). The checkpoint before it is whole: "
                f"make room, then go on with resume={self.folder.parent}."
            ) from None

    def _link_names(self, checkpoint: Checkpoint) -> None:
        link_atomically(self._path(checkpoint.round), self.folder / "last.pt")
        if checkpoint.best_round == checkpoint.round:
            link_atomically(self._path(checkpoint.round), self.folder / "best.pt")
        if averaged := checkpoint.extras.get(EMA):
            self._write(self.folder / "last_ema.pt", replace(checkpoint, weights=averaged))

    def _recall_best(self, best: int) -> None:
        """Have `best.pt` be the checkpoint of the best round, or of none where that is gone.

        A later round has taken that name where a run goes back, as from its fine-tuning to more
        rounds.
        """
        path = self.folder / "best.pt"
        with suppress(CheckpointError):
            if best < 0 or read_checkpoint(path).round == best:
                return
        if self._path(best).exists():
            link_atomically(self._path(best), path)
        else:
            path.unlink(missing_ok=True)

    def _read_snapshots(self) -> Iterator[tuple[int, Mapping[str, int]]]:
        for path in (*self._paths(), self.folder / "best.pt"):
            with suppress(CheckpointError):
                checkpoint = read_checkpoint(path)
                yield checkpoint.round, checkpoint.memory

    def _paths(self) -> list[Path]:
        """Return the checkpoints by round, not by name: that of round 10000 is the newest."""
        named = [path for path in self.folder.glob("round_*.pt") if _NAME.fullmatch(path.name)]
        return sorted(named, key=_read_round)

    def _path(self, round_: int) -> Path:
        return self.folder / f"round_{round_:04}.pt"

    def _delete_old(self) -> None:
        for path in self._paths()[:-_KEPT]:
            if not self.keep_every or (_read_round(path) + 1) % self.keep_every:
                path.unlink()


def _read_round(path: Path) -> int:
    return int(path.stem.removeprefix("round_"))
