"""How tests type `flmrcm train`: a small federation, its runs, what a failing one says."""

import sys
from pathlib import Path

import pytest

from flmrcm.app import main

SMALL = ["sites=bfhi", "data_dir=data", "compute=cpu", "rounds=1", "logger=csv", "target=brats"]
SMALL += [
    "engine.threads=1",
    "model.channels=2",
    "model.pools=2",
    "local.batch_size=2",
    "name=small",
]


def runs(name):
    return sorted(path.parent for path in Path("outputs", name).glob("*/config.yaml"))


def failing(capsys, *words):
    """Gives the status and the lines a failing command prints."""
    with pytest.raises(SystemExit) as stopped:
        main(["train", *words])
    return stopped.value.code, capsys.readouterr().err


def command(*words):
    return [sys.executable, "-m", "flmrcm", "train", *words]
