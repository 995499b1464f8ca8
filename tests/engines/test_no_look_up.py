"""No process of a run looks up a name outside its machine."""

import os
import subprocess
import sys

import pytest
from kits.engines import needs_ray
from kits.network_guard import Guard


@pytest.fixture
def guard(tmp_path):
    return Guard(tmp_path / "names.txt")


def run(guard, place, *words):
    place.mkdir()
    return subprocess.run(
        [sys.executable, *words], cwd=place, env={**os.environ, **guard.environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "engine", ["in_process", pytest.param("ray", marks=needs_ray)]
)  # others: tests/deployment
def test_no_process_of_a_run_looks_up_a_name(guard, tmp_path, simulated_cache, monkeypatch, engine):
    monkeypatch.setenv("FLMRCM_CACHE", str(simulated_cache))
    words = ["debug=tiny", "logger=csv", "strategy=fl_mrcm_latent", f"engine={engine}"]
    done = run(guard, tmp_path / "here", "-m", "flmrcm", "train", *words)
    assert done.returncode == 0, done.stderr
    assert guard.names == []


def test_the_guard_notes_every_name_even_a_childs(guard, tmp_path):
    look_up = "import socket; socket.getaddrinfo('example.org', 80)"
    child = (
        f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {look_up!r}]))"
    )
    assert run(guard, tmp_path / "here", "-c", child).returncode != 0
    assert guard.names == ["example.org"]
