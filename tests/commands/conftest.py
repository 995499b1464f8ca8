"""An empty folder to run in, four hospitals in it, and what a failing command says."""

import pytest
from kits.factories import write_site

from flmrcm.app import main


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


@pytest.fixture
def said(capsys):
    """Types a command that fails; gives its status and its only line."""
    capsys.readouterr()

    def type_(*words):
        with pytest.raises(SystemExit) as stopped:
            main(list(words))
        (line,) = capsys.readouterr().err.strip().splitlines()
        return stopped.value.code, line

    return type_
