"""What is told of a machine."""

from pathlib import Path

import pytest

from flmrcm.diagnosis import machine
from flmrcm.diagnosis.machine import find_existing, hide_home, list_dependencies, list_facts


def test_needs_and_extras_are_those_of_the_package():
    assert {"torch", "hydra-core", "rich"} <= set(list_dependencies())
    assert "ray" not in list_dependencies()
    assert list_dependencies("ray") == ["ray"]


def test_a_folder_that_is_not_there_yet_has_the_disk_of_the_one_above(tmp_path):
    assert find_existing(tmp_path / "a/b/c") == tmp_path


def test_the_home_folder_is_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hide_home(f"{tmp_path}/data") == "~/data"


@pytest.mark.parametrize("installed", [True, False])
def test_a_package_that_is_missing_is_told_not_raised(monkeypatch, installed):
    monkeypatch.setattr(machine, "find_version", lambda _: "9.9" if installed else None)
    facts = dict(list_facts(Path("outputs")))
    assert facts["scipy"] == ("9.9" if installed else "not installed")
    assert ("ray" in facts["extras"]) == installed


def test_packages_that_bring_configs_along_are_told_with_their_version(packages):
    assert dict(list_facts(Path("outputs")))["plugins"] == "none"
    packages.install({"conf/loss/mine.yaml": "_target_: mymri.Mine\n"})
    assert dict(list_facts(Path("outputs")))["plugins"] == "mymri 1.2"
