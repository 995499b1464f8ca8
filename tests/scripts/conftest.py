"""The benchmark's modules, and a federation that they measure."""

from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def scripts_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


@pytest.fixture
def pair(tmp_path):
    """A source and a target that both train by FL-MRCM."""
    make = import_module("measured.fixtures").make_fixture
    words = ("strategy=fl_mrcm", "model.channels=4", "data.cache=ram")
    return make(tmp_path, {"source": 4, "target": 4}, 32, *words)
