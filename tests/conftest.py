"""Three tiny hospitals and four tiny clinics, and a federation over them in one call."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from kits.factories import write_site
from kits.laws import Setting, hospitals
from kits.plugins import Packages, forget_plugins

from flmrcm.data.site import Site
from flmrcm.types import ServerState

# on images this small, threads that wait for each other cost fifty times what they compute
torch.set_num_threads(1)

TRAINING_VOLUMES = {"east": (4, 3), "north": (3,), "south": (5,)}


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """Three hospitals with 16×16 slices; the north has fewer than the others."""
    root = tmp_path_factory.mktemp("hospitals")
    for name, train in TRAINING_VOLUMES.items():
        write_site(root / name, {"train": train, "val": (2,), "test": (2,)})
    return hospitals(root)


@pytest.fixture
def setting(sites: dict[str, Site], tmp_path: Path) -> Callable[..., Setting]:
    """Gives a federation's setting in a folder of its own."""
    count = iter(range(1000))
    return lambda **changes: Setting(
        **{"sites": sites, "folder": tmp_path / f"run_{next(count)}"} | changes
    )


@pytest.fixture
def run(setting: Callable[..., Setting]) -> Callable[..., ServerState]:
    """Runs a strategy over the three hospitals and gives the state it ends in."""
    return lambda strategy, **changes: setting(**changes).run(strategy)


@pytest.fixture(scope="session")
def simulated_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which simulated data are made once for all tests."""
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="session")
def clinics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four sites with 16×16 slices and unequal numbers of them."""
    from kits.engines import CLINICS  # only here: it loads every engine that is installed

    root = tmp_path_factory.mktemp("clinics")
    for count, name in enumerate(CLINICS):
        write_site(root / name, {"train": (2 + count,), "val": (2,)})
    return root


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Installs packages that bring configs along; they are gone after the test."""
    yield Packages(tmp_path / "packages", monkeypatch)
    forget_plugins()
