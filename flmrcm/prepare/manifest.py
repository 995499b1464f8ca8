"""`manifest.json`: what was made, by which arguments and versions, and what was left out."""

import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flmrcm import __version__
from flmrcm.files import write_atomically

_LIBRARIES = ("h5py", "nibabel", "numpy", "torch")


def build_manifest(
    arguments: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    splits: Mapping[str, str],
    skipped: Sequence[Mapping[str, str]],
    unused: int,
) -> dict[str, Any]:
    """Gives the manifest's content; the same folder gives the same bytes, so it holds no date.

    Args:
        arguments: those that every call into this folder shares; no path, no subject.
        rows: of the journal, every volume that's there.
        splits: patient id → split.
        skipped: volume and reason of those that couldn't be prepared.
        unused: files that were found and belong to no volume.
    """
    volumes = sorted(rows, key=lambda row: str(row["volume"]))
    dropped: Counter[str] = Counter()
    for row in volumes:
        dropped.update(row["dropped"])
    return {
        "made_by": "flmrcm prepare",
        "versions": {
            "flmrcm": __version__,
            "python": platform.python_version(),
            **{library: version(library) for library in _LIBRARIES},
        },
        "arguments": dict(arguments),
        "subjects": dict(sorted(Counter(splits.values()).items())),
        "slices": {"kept": sum(row["slices"] for row in volumes), "dropped": dict(dropped)},
        "skipped": list(skipped),
        "unused_files": unused,
        "volumes": volumes,
    }


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes `manifest.json`, whole or not at all."""
    write_atomically(folder / "manifest.json", f"{json.dumps(content, indent=2, sort_keys=True)}\n")
