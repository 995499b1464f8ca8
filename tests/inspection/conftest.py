"""A folder with two contrasts and one broken file."""

from pathlib import Path

import pytest
from kits.factories import write_site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two contrasts, and one file that can't be read."""
    site = write_site(tmp_path / "site", {"train": (4, 3), "val": (3,)}, size=(20, 16))
    (site / "T1").rename(site / "T2")
    write_site(site, {"train": (2,), "test": (2,)})
    (site / "T2" / "val" / "[red]broken.h5").write_text("nothing")
    return site
