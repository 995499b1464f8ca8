"""Four sites, each with its own file, and one small deployment that is not started."""

from pathlib import Path

import pytest

from flmrcm.remote.flower.provision import FlowerDeployment

SITES = {"north": {"root": "/data/north"}, "south": {"root": None}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the sites."""
    return tmp_path_factory.mktemp("remote")


@pytest.fixture(scope="module")
def site_files(root: Path) -> dict[str, Path]:
    """Four hospitals, each with its own file."""
    from kits.deployed_sites import write_site_files  # only here: it needs a transport's library

    return write_site_files(root)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of two sites and their coordinator."""
    folder = tmp_path_factory.mktemp("deployment") / "new"
    FlowerDeployment(SITES, address="hospital.example", port=8123, days=30).write(folder)
    return folder
