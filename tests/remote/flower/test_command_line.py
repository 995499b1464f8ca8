"""Flower's programs and settings."""

import sys

import pytest

from flmrcm.errors import FlmrcmError
from flmrcm.remote.flower.command_line import build_environment, find_program


def test_a_missing_program_names_the_extra_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FlmrcmError, match=r"flwr: isn't installed; pip install 'flmrcm\[flower\]'"):
        find_program("flwr")
    (tmp_path / "flwr").touch()
    assert find_program("flwr") == str(tmp_path / "flwr")


def test_no_process_of_flower_reports_or_installs_anything(tmp_path):
    given = build_environment(tmp_path)
    assert given["FLWR_TELEMETRY_ENABLED"] == "0"
    assert given["FLWR_DISABLE_UPDATE_CHECK"] == "1"
    assert given["FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION"] == "1"
    assert given["FLWR_HOME"] == str(tmp_path / "flwr")
