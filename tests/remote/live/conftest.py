"""Real federations on this machine, over Flower and over NVFlare."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", params=["federation", "over_nvflare"], ids=["flower", "nvflare"])
def either(request: pytest.FixtureRequest) -> Any:
    """A real federation over each transport."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def over_nvflare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same, with NVFlare between them."""
    for library in ("flwr", "nvflare"):
        pytest.importorskip(library, reason="see `make test-deployment`")
    from kits.real_federation import RealFederation

    with RealFederation(tmp_path_factory.mktemp("over_nvflare"), "nvflare").up() as up:
        yield up


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Four sites and their coordinator, up; every look-up of a foreign name is noted."""
    pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")
    from kits.real_federation import RealFederation

    with RealFederation(tmp_path_factory.mktemp("federation")).up() as up:
        yield up
