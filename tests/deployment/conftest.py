"""One small deployment, written once: nothing in it runs."""

from pathlib import Path

import pytest

from flmrcm.deployment.flower_folders import FlowerDeployment

SITES = {"north": {"root": "/data/north"}, "south": {"root": None}}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of two sites and their coordinator."""
    folder = tmp_path_factory.mktemp("deployment") / "new"
    FlowerDeployment(SITES, address="hospital.example", port=8123, days=30).write(folder)
    return folder
