"""`manifest.json`: the prepared volumes, the arguments and versions, and what was left out."""

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
    """Return the content of the manifest. It holds no date: equal folders give equal bytes.

    Args:
        arguments: the arguments that every call into this folder shares; no path, no subject.
        rows: rows of the journal, one for every volume in the folder.
        splits: patient id → split.
        skipped: volume and reason of each that couldn't be prepared.
        unused: number of files that belong to no volume.
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
    """Write `manifest.json`, complete or not at all."""
    write_atomically(folder / "manifest.json", f"{json.dumps(content, indent=2, sort_keys=True)}\n")
