"""A try-out ends its own processes and no others."""

import json
import subprocess
import sys

import pytest

from flmrcm.errors import FlmrcmError
from flmrcm.remote.layout import PROGRAM
from flmrcm.remote.provision import try_out


@pytest.fixture
def party(tmp_path):
    """A process that looks like a party's of a folder; it is ended after the test."""
    code = "import signal; print(flush=True); signal.pause()"
    words = [sys.executable, "-c", code, PROGRAM, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()  # until then it may not be known by these words
    yield process
    process.stdout.close()
    process.kill()
    process.wait()


def record(folder, **pids):
    (folder / try_out.PIDS).write_text(json.dumps(pids))


def test_a_partys_process_is_ended(tmp_path, party):
    record(tmp_path, coordinator=party.pid)
    assert try_out.stop_federation(tmp_path) == ["coordinator"]
    assert party.wait() != 0
    assert try_out.list_running(tmp_path) == {}


def test_another_process_with_a_recorded_id_is_not_ended(tmp_path, party):
    other = tmp_path / "other"
    other.mkdir()
    record(other, coordinator=party.pid)
    assert try_out.stop_federation(other) == []
    assert party.poll() is None


def test_without_a_record_nothing_is_ended(tmp_path):
    assert try_out.stop_federation(tmp_path) == []


def test_a_running_federation_is_not_started_twice(tmp_path, party):
    record(tmp_path, coordinator=party.pid)
    with pytest.raises(FlmrcmError, match="runs already; `flmrcm down"):
        try_out.start_federation(tmp_path)
