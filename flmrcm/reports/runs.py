"""Finished runs below outputs/, and what to call each beside the others."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

JUDGEMENT = ("mask", "sites", "data", "contrast", "coils")
"""Top-level keys that change what a run is judged on, not only how it was trained."""

_TOLD = 3
_UNTOLD = ("seed", "name", "logger", "compute", "engine", "keep_every", "resume", "strategy.name")


def finished_runs(folders: Sequence[Path]) -> list[Path]:
    """Gives the folders of finished runs with scores, at or below the given ones, sorted."""
    found = {path.parent for folder in folders for path in folder.glob("**/scores.csv")}
    return sorted(path for path in found if (path / "done").exists())


def read_config(run: Path) -> dict[str, Any]:
    """Gives a run's resolved config."""
    return yaml.safe_load((run / "config.yaml").read_text())


def differences(
    configs: Mapping[Path, Mapping[str, Any]], below: Sequence[str] = ()
) -> dict[Path, str]:
    """Gives for each run the settings in which the runs differ, seeds aside: `target=sim_b`.

    Args:
        configs: by run; compared with each other.
        below: only these top-level keys count; empty means all.
    """
    leaves = {run: dict(_leaves(config)) for run, config in configs.items()}
    keys = dict.fromkeys(key for found in leaves.values() for key in found)
    told = [
        key
        for key in keys
        if not any(key == untold or key.startswith(f"{untold}.") for untold in _UNTOLD)
        and (not below or key.split(".")[0] in below)
        and len({repr(found.get(key)) for found in leaves.values()}) > 1
    ]
    return {
        run: ", ".join(f"{key}={_short(found.get(key))}" for key in told[:_TOLD])
        + (f" and {len(told) - _TOLD} more" if len(told) > _TOLD else "")
        for run, found in leaves.items()
    }


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, Mapping):
        yield prefix.rstrip("."), node
        return
    for key, value in node.items():
        yield from _leaves(value, f"{prefix}{key}.")


def _short(value: Any) -> str:
    return str(value).rsplit(".", 1)[-1] if isinstance(value, str) else str(value)
