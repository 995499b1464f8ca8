"""One small deployment, of which nothing runs, and one real federation, all of which does."""

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


@pytest.fixture(scope="session", params=["federation", "over_nvflare"], ids=["flower", "nvflare"])
def either(request: pytest.FixtureRequest) -> Any:
    """A real federation over each transport."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def over_nvflare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same, with NVFlare between them."""
    for library in ("flwr", "nvflare"):
        pytest.importorskip(library, reason="see `make test-deployment`")
    from federation_kit import RealFederation

    with RealFederation(tmp_path_factory.mktemp("over_nvflare"), "nvflare").up() as up:
        yield up


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Four sites and their coordinator, up; every look-up of a foreign name is noted."""
    pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")
    from federation_kit import RealFederation

    with RealFederation(tmp_path_factory.mktemp("federation")).up() as up:
        yield up
