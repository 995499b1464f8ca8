"""Reads back what wandb wrote in offline mode; wandb 0.31 has no public reader.

A `run-*.wandb` file is a LevelDB log of protocol buffers: after a header of 7 bytes come blocks
of 32 KiB, each holding fragments of (checksum, 4 bytes; length, 2; kind, 1; data). A record is one
whole fragment, or a first, any middle and a last one; a block's last bytes are left empty when no
fragment header fits. Its layout isn't promised to anyone, so wandb's version is pinned.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from flmrcm.errors import DataLayoutError
from flmrcm.tracking.run_info import parse_key
from flmrcm.types import Measurement

_MAGIC = b":W&B"
_FRAGMENT_HEADER = struct.Struct("<IHB")
_BLOCK_BYTES = 32 * 1024
_WHOLE, _FIRST, _LAST = 1, 2, 4


@dataclass
class OfflineRun:
    """An offline run as a server would show it.

    Names that begin with an underscore are wandb's own and left out; an image is a dictionary
    with its size and the `path` of its file.

    Attributes:
        folder: where it lies.
        id: the run's id.
        name: its display name.
        project: its project.
        group: its group.
        job_type: its job type.
        tags: its tags.
        config: its config.
        history: one dictionary for each call of `log`, in order.
        summary: the newest value of each history key, and what was set besides.
    """

    folder: Path
    id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list[str])
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    summary: dict[str, Any] = field(default_factory=dict[str, Any])

    def read_table(self, name: str) -> pd.DataFrame | None:
        """Gives the newest table logged by a name; None where there's none.

        Raises:
            DataLayoutError: its file is missing or damaged.
        """
        told = self.summary.get(name)
        if not isinstance(told, dict) or told.get("_type") != "table-file":
            return None
        path = self.folder / "files" / str(told["path"])
        try:
            content = json.loads(path.read_text())
            return pd.DataFrame(content["data"], columns=content["columns"])
        except (OSError, ValueError, KeyError):
            raise DataLayoutError(
                f"{path}: the table '{name}' is missing or damaged; copy the whole folder anew."
            ) from None

    def list_measurements(self) -> list[Measurement]:
        """Gives its measurements as the journal of the run held them."""
        return [
            parse_key(int(line["round"]), key, value)
            for line in self.history
            for key, value in line.items()
            if key != "round" and isinstance(value, int | float)
        ]


def read_offline_run(folder: Path) -> OfflineRun:
    """Gives the one offline run below a folder; a crash's torn last record is left out.

    Raises:
        DataLayoutError: there's no run, or several, or the file isn't wandb's.
    """
    files = sorted(folder.rglob("run-*.wandb"))
    if len(files) != 1:
        raise DataLayoutError(f"{folder}: one offline wandb run expected, {len(files)} found.")
    run = OfflineRun(folder=files[0].parent)
    for record in _read_records(files[0]):
        _apply_record(run, record)
    return run


def _apply_record(run: OfflineRun, record: Any) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        told = record.run
        run.id, run.name, run.project = told.run_id, told.display_name, told.project
        run.group, run.job_type, run.tags = told.run_group, told.job_type, list(told.tags)
        run.config.update(_parse_items(told.config.update))
    elif kind == "config":
        run.config.update(_parse_items(record.config.update))
    elif kind == "history":
        run.history.append(_parse_items(record.history.item))
    elif kind == "summary":
        run.summary.update(_parse_items(record.summary.update))


def _parse_items(items: Iterable[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in items:
        *outer, name = [item.key] if item.key else item.nested_key
        inner = values
        for step in outer:
            inner = inner.setdefault(step, {})
        inner[name] = json.loads(item.value_json)
    return {name: value for name, value in values.items() if not name.startswith("_")}


def _read_records(path: Path) -> Iterator[Any]:
    from wandb.proto import wandb_internal_pb2 as protocol

    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise DataLayoutError(f"{path}: not an offline wandb run.")
    parts: list[bytes] = []
    for kind, part in _split_fragments(data):
        parts = [part] if kind in (_WHOLE, _FIRST) else [*parts, part]
        if kind in (_WHOLE, _LAST):
            record = protocol.Record()  # pyright: ignore[reportAttributeAccessIssue]
            record.ParseFromString(b"".join(parts))
            yield record


def _split_fragments(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = _FRAGMENT_HEADER.size  # the file's own header is as long as a fragment's
    while position + _FRAGMENT_HEADER.size <= len(data):
        left = _BLOCK_BYTES - position % _BLOCK_BYTES
        if left < _FRAGMENT_HEADER.size:
            position += left
            continue
        _, length, kind = _FRAGMENT_HEADER.unpack_from(data, position)
        position += _FRAGMENT_HEADER.size
        if not kind or position + length > len(data):
            return
        yield kind, data[position : position + length]
        position += length
