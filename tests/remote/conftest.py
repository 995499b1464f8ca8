"""Four sites, each with its own file, a small deployment that isn't started, a site to call."""

from pathlib import Path

import pytest
import yaml
from kits.factories import write_site

from flmrcm.remote.flower.provision import FlowerDeployment
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings

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


@pytest.fixture
def site_file(tmp_path):
    """The file of a site with three training slices; it names no policy."""
    write_site(tmp_path / "mri", {"train": (3,), "val": (2,), "test": (2, 2)})
    values = {
        "site": "ixi",
        "data": {"root": "mri"},
        "compute": {"accelerator": "cpu"},
        "threads": 1,
    }
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(values))
    return tmp_path / "site.yaml"


@pytest.fixture
def server(site_file):
    return SiteServer(read_site_settings(site_file))
