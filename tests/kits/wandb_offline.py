"""Read back what wandb wrote in offline mode, to test what the trackers log.

A `run-*.wandb` file is a LevelDB log of protocol buffers: after a header of 7 bytes come blocks
of 32 KiB, each holding fragments of (checksum, 4 bytes; length, 2; kind, 1; data). A record is one
whole fragment, or a first, any middle and a last one; a block's last bytes are left empty when no
fragment header fits. Wandb has no public reader and promises this layout to nobody: it is that of
wandb 0.31, and the tests may need another reader for another version. No run is read this way.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

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
        """Return the newest table logged by a name; None where there's none."""
        entry = self.summary.get(name)
        if not isinstance(entry, dict) or entry.get("_type") != "table-file":
            return None
        content = json.loads((self.folder / "files" / entry["path"]).read_text())
        return pd.DataFrame(content["data"], columns=content["columns"])


def read_offline_run(folder: Path) -> OfflineRun:
    """Return the one offline run below a folder; a last record cut short is left out."""
    (path,) = folder.rglob("run-*.wandb")
    run = OfflineRun(folder=path.parent)
    for record in _read_records(path):
        _apply_record(run, record)
    return run


def _apply_record(run: OfflineRun, record: Any) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        about = record.run
        run.id, run.name, run.project = about.run_id, about.display_name, about.project
        run.group, run.job_type, run.tags = about.run_group, about.job_type, list(about.tags)
        run.config.update(_parse_items(about.config.update))
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
    assert data.startswith(_MAGIC), f"{path}: not an offline wandb run."
    parts: list[bytes] = []
    for kind, part in _split_fragments(data):
        parts = [part] if kind in (_WHOLE, _FIRST) else [*parts, part]
        if kind in (_WHOLE, _LAST):
            record = protocol.Record()
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
