"""The contact sheet draws any folder of the contract."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from flmrcm.data.h5 import write_volume
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.site_sheet import write_site_sheet


def volume(root: Path, split: str, origin: str, brightness: float = 1.0) -> None:
    target = np.zeros((3, 16, 16), np.float32)
    target[:, 4:12, 4:12] = brightness
    attributes = {"kspace_origin": origin} if origin else {}
    write_volume(root / "T1" / split / "a.h5", target.astype(np.complex64), target, attributes)


def test_it_has_a_row_per_site_and_shows_the_images(tmp_path: Path) -> None:
    volume(tmp_path / "one", "train", "simulated")
    volume(tmp_path / "two", "test", "", brightness=1e-5)
    roots = {"one": tmp_path / "one", "two": tmp_path / "two"}
    write_site_sheet(roots, "T1", tmp_path / "sheets" / "both.png")
    write_site_sheet({"one": tmp_path / "one"}, "T1", tmp_path / "single.png")
    both, single = imread(tmp_path / "sheets" / "both.png"), imread(tmp_path / "single.png")
    assert both.shape[1] == single.shape[1]
    assert both.shape[0] > single.shape[0]
    for sheet in (both, single):
        assert 0.15 < (sheet[..., :3].min(2) > 0.9).mean() < 0.4, "a quarter of each picture"


def test_a_site_with_nothing_to_show_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataLayoutError, match="site none"):
        write_site_sheet({"none": tmp_path}, "T1", tmp_path / "sheet.png")
