"""Four tiny clinics, written once; four houses, written once for each module."""

from pathlib import Path

import pytest
from engines_kit import CLINICS
from factories import write_site


@pytest.fixture(scope="session")
def clinics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four sites with 16×16 slices and unequal numbers of them."""
    root = tmp_path_factory.mktemp("clinics")
    for count, name in enumerate(CLINICS):
        write_site(root / name, {"train": (2 + count,), "val": (2,)})
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the houses stand."""
    return tmp_path_factory.mktemp("abroad")


@pytest.fixture(scope="module")
def houses(root: Path) -> dict[str, Path]:
    """Four hospitals, each with its own file."""
    from houses_kit import write_houses  # only here: it needs what carries the calls

    return write_houses(root)
