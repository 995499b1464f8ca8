"""Sites' private memories between rounds: on disk, with a cache in RAM."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from flmrcm.file_queue import FileQueue
from flmrcm.files import delete_stale
from flmrcm.learning.weights import read_torch_file, write_torch_file
from flmrcm.types import Memory


class MemoryStore:
    """Keeps each site's memory under the round it was written in.

    Args:
        folder: where the files go; None keeps all in RAM, for a run that cannot be resumed.
        budget: bytes of RAM for the cache; what does not fit is read from disk again.
        files: in which files are written; None writes each at once.
    """

    def __init__(
        self,
        folder: Path | None = None,
        budget: float = float("inf"),
        files: FileQueue | None = None,
    ) -> None:
        self.folder, self.budget, self.files = folder, budget, files or FileQueue()
        self._cached: dict[str, Memory] = {}
        self._rounds: dict[str, int] = {}

    def load(self, site: str) -> Memory:
        """Return a copy of the site's memory; an empty one before its first round.

        Raises:
            CheckpointError: its file is missing or broken.
        """
        if site in self._cached:  # copied: the caller changes it, and may fail before it is saved
            return deepcopy(self._cached[site])
        if site not in self._rounds:
            return Memory()
        self.files.wait()
        return Memory(**read_torch_file(self._path(site, self._rounds[site])))

    def save(self, site: str, memory: Memory, round_: int) -> None:
        """Keep a site's memory of a round; an empty one is not kept."""
        if not memory.tensors and not memory.optimizers:
            return
        self._rounds[site] = round_
        memory = Memory(_copy_to_cpu(memory.tensors), _copy_to_cpu(memory.optimizers))
        if self.folder:
            content = {"tensors": memory.tensors, "optimizers": memory.optimizers}
            self.files.put(partial(write_torch_file, self._path(site, round_), content))
        self._cached.pop(site, None)
        used = sum(_count_bytes(vars(kept)) for kept in self._cached.values())
        if not self.folder or used + _count_bytes(vars(memory)) <= self.budget:
            self._cached[site] = memory

    def snapshot(self) -> Mapping[str, int]:
        """Return, for each site with a memory, the round it was last written in."""
        return dict(self._rounds)

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Go back to the memories of a snapshot."""
        self._rounds = dict(snapshot)
        self._cached.clear()

    def forget_before(self, kept: Sequence[Mapping[str, int]]) -> None:
        """Delete the files that no kept snapshot names, and what killed processes left."""
        if not self.folder or not self.folder.is_dir():
            return
        delete_stale(self.folder)
        wanted = {self._path(site, r) for snapshot in kept for site, r in snapshot.items()}
        for path in self.folder.glob("*/*.pt"):
            if path not in wanted:
                path.unlink()

    def _path(self, site: str, round_: int) -> Path:
        return Path(self.folder or "") / site / f"round_{round_:04}.pt"


def _copy_to_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: _copy_to_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copy_to_cpu(inner) for inner in value]
    return value


def _count_bytes(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(_count_bytes(inner) for inner in value.values())
    return 0
