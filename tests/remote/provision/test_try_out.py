"""A try-out ends what it started, and touches nobody else."""

import json
import subprocess
import sys

import pytest

from flmrcm.errors import FlmrcmError
from flmrcm.remote.layout import PROGRAM
from flmrcm.remote.provision import try_out


@pytest.fixture
def sleeper(tmp_path):
    """A process that looks like one of a folder's own; it's ended after the test."""
    sleeps = "import time; print(flush=True); time.sleep(60)"
    words = [sys.executable, "-c", sleeps, PROGRAM, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()  # until then it may not be known by these words
    yield process
    process.stdout.close()
    process.kill()
    process.wait()


def note(folder, **pids):
    (folder / try_out.PIDS).write_text(json.dumps(pids))


def test_what_was_started_here_is_ended(tmp_path, sleeper):
    note(tmp_path, coordinator=sleeper.pid)
    assert try_out.stop_federation(tmp_path) == ["coordinator"]
    assert sleeper.wait(10) != 0
    assert try_out.list_running(tmp_path) == {}


def test_a_number_that_was_given_out_again_is_left_alone(tmp_path, sleeper):
    other = tmp_path / "other"
    other.mkdir()
    note(other, coordinator=sleeper.pid)
    assert try_out.stop_federation(other) == []
    assert sleeper.poll() is None


def test_nothing_noted_is_nothing_ended(tmp_path):
    assert try_out.stop_federation(tmp_path) == []


def test_what_runs_is_not_started_twice(tmp_path, sleeper):
    note(tmp_path, coordinator=sleeper.pid)
    with pytest.raises(FlmrcmError, match="runs already; `flmrcm down"):
        try_out.start_federation(tmp_path)
