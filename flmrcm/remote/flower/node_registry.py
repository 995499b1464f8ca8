"""The registry of nodes: the SuperLink numbers public keys; the coordinator keeps the list."""

import json
from collections.abc import Mapping
from pathlib import Path

from flmrcm.errors import FlmrcmError
from flmrcm.files import write_atomically
from flmrcm.remote.flower.command_line import CONNECTION, run_flwr

NODES = "nodes.json"


def register_keys(folder: Path) -> dict[str, int]:
    """Register new keys of the folder `sites/`, and unregister keys that are gone from it.

    Args:
        folder: the coordinator's; its SuperLink must be running.

    Returns:
        Site → the number by which Flower knows it.
    """
    keys = {path.stem: path.read_text() for path in sorted((folder / "sites").glob("*.pub"))}
    known = _read(folder)
    for name, (key, number) in list(known.items()):
        if keys.get(name) != key:
            run_flwr(folder, "supernode", "unregister", str(number), CONNECTION)
            del known[name]
            _write(folder, known)  # after each: a crash must not leave a list that Flower lacks
    for name, key in keys.items():
        if name not in known:
            path = str(folder / "sites" / f"{name}.pub")
            output = run_flwr(folder, "supernode", "register", path, CONNECTION, "--name", name)
            known[name] = key, int(output["node-id"])
            _write(folder, known)
    return {name: number for name, (_, number) in known.items()}


def read_registry(folder: Path) -> dict[int, str]:
    """Return each registered site, by Flower's number for it.

    Raises:
        FlmrcmError: no site is registered: the coordinator was never started.
    """
    known = _read(folder)
    if not known:
        raise FlmrcmError(f"{folder}: no site is registered; start the coordinator: start.sh.")
    return {number: name for name, (_, number) in known.items()}


def _read(folder: Path) -> dict[str, tuple[str, int]]:
    path = folder / NODES
    # without Flower's database the numbers are of no node
    if not path.exists() or not (folder / "state.db").exists():
        return {}
    return {name: (key, number) for name, (key, number) in json.loads(path.read_text()).items()}


def _write(folder: Path, known: Mapping[str, tuple[str, int]]) -> None:
    write_atomically(folder / NODES, json.dumps(known, indent=1))
