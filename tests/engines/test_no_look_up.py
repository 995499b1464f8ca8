"""A run asks for no name outside its machine."""

import os
import subprocess
import sys

import pytest
from kits.engines import needs_ray
from kits.network_guard import Guard


@pytest.fixture
def guard(tmp_path):
    return Guard(tmp_path / "asked.txt")


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
    assert guard.asked == []


def test_the_guard_notes_who_asks_even_where_a_child_does(guard, tmp_path):
    ask = "import socket; socket.getaddrinfo('example.org', 80)"
    child = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {ask!r}]))"
    assert run(guard, tmp_path / "here", "-c", child).returncode != 0
    assert guard.asked == ["example.org"]
