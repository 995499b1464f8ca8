"""The contact sheet shows any folder of volumes."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.image import imread

from flmrcm.data.h5 import write_volume
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.site_sheet import write_site_sheet


def write_square(root: Path, split: str, origin: str, brightness: float = 1.0) -> Path:
    """Write a volume whose slices show a bright square, a quarter of the image."""
    target = np.zeros((3, 16, 16), np.float32)
    target[:, 4:12, 4:12] = brightness
    attributes = {"kspace_origin": origin} if origin else {}
    path = root / "T1" / split / "a.h5"
    write_volume(path, target.astype(np.complex64), target, attributes)
    return path


def test_it_has_a_row_per_site_and_shows_the_images(tmp_path: Path) -> None:
    write_square(tmp_path / "one", "train", "simulated")
    write_square(tmp_path / "two", "test", "", brightness=1e-5)
    roots = {"one": tmp_path / "one", "two": tmp_path / "two"}
    write_site_sheet(roots, "T1", tmp_path / "sheets" / "both.png")
    write_site_sheet({"one": tmp_path / "one"}, "T1", tmp_path / "single.png")
    both, single = imread(tmp_path / "sheets" / "both.png"), imread(tmp_path / "single.png")
    assert both.shape[1] == single.shape[1]
    assert both.shape[0] > single.shape[0]
    for sheet in (both, single):
        assert 0.15 < (sheet[..., :3].min(2) > 0.9).mean() < 0.4, "a quarter of each picture"


def test_a_site_without_volumes_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataLayoutError, match="site none"):
        write_site_sheet({"none": tmp_path}, "T1", tmp_path / "sheet.png")


def test_a_volume_that_is_damaged_inside_is_named(tmp_path: Path) -> None:
    path = write_square(tmp_path / "one", "train", "simulated")
    with h5py.File(path, "r+") as file:
        del file["reconstruction_esc"]
        options = {"chunks": (1, 16, 16), "fletcher32": True}
        file.create_dataset("reconstruction_esc", data=np.ones((3, 16, 16)), **options)
        offset = file["reconstruction_esc"].id.get_chunk_info(1).byte_offset
    with path.open("r+b") as raw:
        raw.seek(offset + 8)
        raw.write(b"damage")
    with pytest.raises(DataLayoutError, match=r"a\.h5: damaged inside"):
        write_site_sheet({"one": tmp_path / "one"}, "T1", tmp_path / "sheet.png")


def test_a_black_volume_is_drawn(tmp_path: Path) -> None:
    write_square(tmp_path / "one", "train", "simulated", brightness=0)
    write_site_sheet({"one": tmp_path / "one"}, "T1", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").exists()
