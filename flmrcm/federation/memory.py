"""Where sites' private memories live between rounds: on disk, with a cache in RAM."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import Tensor

from flmrcm.files import delete_stale
from flmrcm.learning.weights import read_torch_file, write_torch_file
from flmrcm.types import Memory


class MemoryStore:
    """Keeps each site's memory under the round it was written in.

    Args:
        folder: where the files go; None keeps everything in RAM, for a run that can't resume.
        budget: bytes of RAM the cache may take; what doesn't fit is read from disk again.
    """

    def __init__(self, folder: Path | None = None, budget: float = float("inf")) -> None:
        self.folder, self.budget = folder, budget
        self._cached: dict[str, Memory] = {}
        self._rounds: dict[str, int] = {}

    def load(self, site: str) -> Memory:
        """Gives a copy of the site's memory; an empty one before its first round."""
        if site in self._cached:
            return deepcopy(self._cached[site])
        if site not in self._rounds:
            return Memory()
        return Memory(**read_torch_file(self._path(site, self._rounds[site])))

    def save(self, site: str, memory: Memory, round_: int) -> None:
        """Keeps the memory; a site that has nothing private leaves no trace."""
        if not memory.tensors and not memory.optimizers:
            return
        self._rounds[site] = round_
        memory = Memory(_on_cpu(memory.tensors), _on_cpu(memory.optimizers))
        if self.folder:
            content = {"tensors": memory.tensors, "optimizers": memory.optimizers}
            write_torch_file(self._path(site, round_), content)
        self._cached.pop(site, None)
        used = sum(_n_bytes(vars(kept)) for kept in self._cached.values())
        if not self.folder or used + _n_bytes(vars(memory)) <= self.budget:
            self._cached[site] = memory

    def snapshot(self) -> Mapping[str, int]:
        """Gives the round each memory was written in."""
        return dict(self._rounds)

    def restore(self, snapshot: Mapping[str, int]) -> None:
        """Goes back to the memories of a snapshot."""
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


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: _on_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_on_cpu(inner) for inner in value]
    return value


def _n_bytes(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(_n_bytes(inner) for inner in value.values())
    return 0
