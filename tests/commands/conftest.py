"""An empty folder to run in, and four hospitals in it."""

import pytest
from factories import write_site


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, simulated_cache):
    """Runs in an empty folder, with simulated data made once for all tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLMRCM_CACHE", str(simulated_cache))


@pytest.fixture
def hospitals(tmp_path):
    """Writes the four institutions' folders."""
    for name in ("BraTS", "fastMRI", "HPKS", "IXI"):
        write_site(tmp_path / "data" / name)
    return tmp_path / "data"
