"""The notebooks of docs/ run from top to bottom, in a folder of their own, and hold no outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
SECONDS_PER_CELL = 240
"""Far more than a cell takes alone; other tests run beside it."""


@pytest.fixture(autouse=True)
def environment(monkeypatch, simulated_cache):
    """Gives the kernel's process one thread, this checkout, and no place to report to."""
    monkeypatch.setenv("FLMRCM_CACHE", str(simulated_cache))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def list_outputs(notebook):
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [output for cell in cells for output in cell.outputs]


def test_there_are_two():
    assert [path.stem for path in NOTEBOOKS] == ["federation", "own_model_and_mask"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_draws(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    assert list_outputs(notebook) == []  # those of somebody's machine don't belong into the history
    context = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=SECONDS_PER_CELL, resources=context).execute()
    outputs = list_outputs(notebook)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert not [
        output for output in outputs if output.get("name") == "stderr" and "rror" in output.text
    ]
    if folder := os.environ.get("FLMRCM_KEEP_NOTEBOOKS"):
        nbformat.write(notebook, Path(folder) / path.name)
