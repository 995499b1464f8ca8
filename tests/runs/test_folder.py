"""A run's folder: one writer at a time, and what it ran on."""

import json

import pytest

from flmrcm.config.run_config import read_config
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
    config = {"strategy": {"name": "x", "1e-3": [1e-05, None, "1e-3", "yes", "1:30"]}}
    folder.write_config(config)
    assert folder.started
    assert read_config(folder.path) == config


def test_a_folder_that_holds_no_run_says_so(tmp_path):
    with pytest.raises(FlmrcmError, match="holds no run"):
        read_config(tmp_path)


def test_a_folder_whose_run_was_killed_before_its_config_was_there_says_so(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.lock():
        pass
    with pytest.raises(FlmrcmError, match="stopped before it began"):
        read_config(folder.path)


def test_opening_a_folder_deletes_what_killed_processes_left(tmp_path):
    (tmp_path / f".config.yaml.{2**31 - 1}").write_text("half")  # above any process id
    with RunFolder(tmp_path).lock():
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_the_environment_names_installed_plugins(tmp_path, packages):
    packages.install({"conf/loss/mine.yaml": "_target_: mymri.Mine\n"})
    RunFolder(tmp_path).write_environment(site_fingerprints={})
    content = json.loads((tmp_path / "environment.json").read_text())
    assert content["plugins"] == {"mymri": "1.2"}


def test_the_environment_says_on_what_it_ran(tmp_path):
    RunFolder(tmp_path).write_environment(site_fingerprints={"here": "abc"})
    content = json.loads((tmp_path / "environment.json").read_text())
    assert content["packages"]["torch"].startswith("2.")
    assert content["site_fingerprints"] == {"here": "abc"}
    assert set(content["git"]) == {"commit", "changed"}
    RunFolder(tmp_path).add_to_environment(tested_with={"here": "x"})
    more = json.loads((tmp_path / "environment.json").read_text())
    assert more == {**content, "tested_with": {"here": "x"}}
