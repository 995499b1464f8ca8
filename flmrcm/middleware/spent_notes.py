"""What a site's rounds of one run have spent, noted where going back to a checkpoint leaves it."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from flmrcm.csv_rows import append_row, read_rows
from flmrcm.files import flush_files
from flmrcm.privacy.accountant import Spending
from flmrcm.types import Memory

PRIVACY = "privacy"
"""The kind under which a site's memory, or the server's state, keeps what was spent."""

_COLUMNS = ("round", "spent")


class SpentNotes:
    """A file of all that was spent up to each round whose result left the site.

    A site's memory goes back where a reply doesn't count, or a run is resumed; the result was out.

    Args:
        path: the file; None keeps none, and then the memory is believed.
        repeats: whether a round that is trained again has the same noise: then it tells no more.
    """

    def __init__(self, path: Path | None, repeats: bool) -> None:
        self.path, self.repeats = path, repeats

    def read(self, round_: int, memory: Memory) -> list[Spending]:
        """Return what was spent before a round; the memory's word where nothing is noted.

        Raises:
            DataLayoutError: a damaged line; named with its number.
        """
        noted = [spent for r, spent in self._read_all() if r < round_ or not self.repeats]
        return noted[-1] if noted else read_spending(memory)

    def add(self, round_: int, spent: Sequence[Spending]) -> None:
        """Note all that is spent once the round's result has left; it's on the device then."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            append_row(self.path, _COLUMNS, (round_, json.dumps(merge_spending(spent))))
            flush_files([self.path])

    def _read_all(self) -> list[tuple[int, list[Spending]]]:
        if self.path is None or not self.path.exists():
            return []
        return read_rows(self.path, _COLUMNS, _parse)


def read_spending(memory: Memory) -> list[Spending]:
    """Return what a site's rounds of the run have spent so far, as its memory has it."""
    kept = memory.tensors.get(PRIVACY)
    rows = kept["spent"].tolist() if kept else []
    return [Spending(rate, noise, int(steps)) for rate, noise, steps in rows]


def write_spending(spent: Sequence[Spending]) -> dict[str, Tensor]:
    """Return spending as a memory keeps it."""
    return {"spent": torch.tensor(merge_spending(spent), dtype=torch.float64)}


def merge_spending(spent: Sequence[Spending]) -> list[Spending]:
    """Return the same with rounds alike added up."""
    merged: list[Spending] = []
    for one in spent:
        if merged and merged[-1][:2] == one[:2]:
            merged[-1] = one._replace(steps=merged[-1].steps + one.steps)
        else:
            merged.append(one)
    return merged


def count_steps(spent: Sequence[Spending]) -> int:
    """Return the steps of all spending."""
    return sum(one.steps for one in spent)


def _parse(fields: Sequence[str]) -> tuple[int, list[Spending]]:
    round_, spent = fields
    rows: list[tuple[float, float, int]] = json.loads(spent)
    return int(round_), [Spending(rate, noise, int(steps)) for rate, noise, steps in rows]
