"""One small deployment, of which nothing runs, and two real federations, all of which do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flmrcm.deployment.flower_folders import FlowerDeployment

SITES = {"north": {"root": "/data/north"}, "south": {"root": None}}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of two sites and their coordinator."""
    folder = tmp_path_factory.mktemp("deployment") / "new"
    FlowerDeployment(SITES, address="hospital.example", port=8123, days=30).write(folder)
    return folder


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Four sites and their coordinator over Flower; every look-up of a foreign name is noted."""
    yield from _up(tmp_path_factory, "flower", "flwr")


@pytest.fixture(scope="session")
def nvflare_federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same over NVFlare."""
    yield from _up(tmp_path_factory, "nvflare", "nvflare")


def _up(tmp_path_factory: pytest.TempPathFactory, via: str, library: str) -> Iterator[Any]:
    pytest.importorskip(library, reason=f"it isn't installed: pip install 'flmrcm[{via}]'")
    from federation_kit import RealFederation

    with RealFederation(tmp_path_factory.mktemp(via), via).up() as up:
        yield up
