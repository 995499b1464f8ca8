"""A run's folder: one writer at a time, and what it ran on."""

import json

import pytest

from flmrcm.errors import FlmrcmError
from flmrcm.runs.folder import RunFolder


def test_one_writer_at_a_time(tmp_path):
    folder = RunFolder(tmp_path / "run")
    same = RunFolder(tmp_path / "run")
    refused = pytest.raises(FlmrcmError, match="another run is writing here")
    with folder.lock(), refused, same.lock():
        pass
    with same.lock():
        pass


def test_a_config_comes_back_as_it_was(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert not folder.started
    folder.write_config({"a": {"b": [1, None, "x"]}})
    assert folder.started
    assert folder.read_config() == {"a": {"b": [1, None, "x"]}}


def test_a_folder_that_holds_no_run_says_so(tmp_path):
    with pytest.raises(FlmrcmError, match="holds no run"):
        RunFolder(tmp_path).read_config()


def test_a_folder_whose_run_was_killed_before_its_config_was_there_says_so(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.lock():
        pass
    with pytest.raises(FlmrcmError, match="stopped before it began"):
        folder.read_config()


def test_opening_a_folder_deletes_what_killed_processes_left(tmp_path):
    (tmp_path / f".config.yaml.{2**31 - 1}").write_text("half")  # above any process id
    with RunFolder(tmp_path).lock():
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_the_environment_says_on_what_it_ran(tmp_path):
    RunFolder(tmp_path).write_environment(site_fingerprints={"here": "abc"})
    content = json.loads((tmp_path / "environment.json").read_text())
    assert content["packages"]["torch"].startswith("2.")
    assert content["site_fingerprints"] == {"here": "abc"}
    assert set(content["git"]) == {"commit", "changed"}
