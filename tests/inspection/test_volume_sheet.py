"""The sheet of a volume shows its slices and their directions, and nothing about the patient."""

import time
from pathlib import Path

import numpy as np
import pytest
from kits.factories import scanned, write_plain
from matplotlib.image import imread
from PIL import Image

from flmrcm.data.h5 import write_volume
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.volume_sheet import tile_slices, write_volume_sheet

LETTERS = (1.0, 0.843, 0.373)  # their colour, red green blue


def sheet(folder: Path, n: int = 6, **attributes: object) -> np.ndarray:
    """Return the sheet of a volume with one grey value, (rows, columns, colours)."""
    target = np.full((n, 20, 16), 2.0, np.float32)
    write_volume(folder / "v.h5", np.zeros((n, 20, 16), np.complex64), target, attributes)
    write_volume_sheet(folder / "v.h5", folder / "sheets" / "v.png")
    return imread(folder / "sheets" / "v.png")[..., :3]


def count_pixels(picture: np.ndarray, color: tuple[float, ...]) -> int:
    return int((np.abs(picture - color).max(2) < 0.05).sum())


def test_tiles_are_in_reading_order_and_unused_ones_are_black() -> None:
    page = tile_slices(np.arange(1, 6, dtype=np.float32).reshape(5, 1, 1) * np.ones((5, 2, 3)), 3)
    assert page[::2, ::3].tolist() == [[1, 2, 3], [4, 5, 0]]


def test_at_most_24_slices_are_shown(tmp_path: Path) -> None:
    tile = 192 * round(192 * 16 / 20)
    for n, n_shown in ((6, 6), (24, 24), (100, 24)):
        whites = count_pixels(sheet(tmp_path, n), (1, 1, 1))
        assert whites == pytest.approx(n_shown * tile, rel=0.01)


def test_the_first_slice_has_letters_if_the_orientation_is_known(tmp_path: Path) -> None:
    black = {"voxel_mm": np.ones(3)}
    assert count_pixels(sheet(tmp_path, **black), LETTERS) == 0
    assert count_pixels(sheet(tmp_path, **black, orientation="up"), LETTERS) == 0
    picture = sheet(tmp_path, **black, orientation="SPL")
    assert count_pixels(picture, LETTERS) > 20
    assert count_pixels(picture[:, 200:], LETTERS) == 0


def test_pixels_that_are_not_square_are_shown_as_rectangles(tmp_path: Path) -> None:
    square, tall = sheet(tmp_path), sheet(tmp_path, voxel_mm=np.array([5.0, 2.0, 1.0]))
    assert tall.shape[0] > 1.8 * square.shape[0]


def test_nothing_about_the_patient_is_shown_or_stored(tmp_path: Path) -> None:
    plain = sheet(tmp_path)
    private = {"patient_id": "DOE", "subject": "JANE", "site": "Ward 5", "acquisition": "DOE"}
    assert (sheet(tmp_path, **private) == plain).all()
    with Image.open(tmp_path / "sheets" / "v.png") as image:
        assert set(image.info) <= {"dpi"}


def test_a_black_volume_and_broken_pixels_are_drawn(tmp_path: Path) -> None:
    kspace, image = scanned(2, (16, 16))
    image[0, 0, 0] = np.nan
    for name, target in {"black": 0 * np.abs(image[1:]), "broken": image}.items():
        path = write_plain(
            tmp_path / f"{name}.h5", kspace=kspace[: len(target)], reconstruction_esc=target
        )
        write_volume_sheet(path, path.with_suffix(".png"))
        assert path.with_suffix(".png").exists()


def test_no_file_is_left_if_a_volume_cannot_be_shown(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "v.h5", kspace=scanned(2, (16, 16))[0])
    with pytest.raises(DataLayoutError, match="no target"):
        write_volume_sheet(path, tmp_path / "v.png")
    assert [file.name for file in tmp_path.iterdir()] == ["v.h5"]


def test_it_is_fast(tmp_path: Path) -> None:
    target = np.random.default_rng(0).random((60, 256, 256), np.float32)
    write_volume(tmp_path / "v.h5", np.zeros((60, 256, 256), np.complex64), target, {})
    write_volume_sheet(tmp_path / "v.h5", tmp_path / "v.png")
    start = time.process_time()
    write_volume_sheet(tmp_path / "v.h5", tmp_path / "v.png")
    assert time.process_time() - start < 2, "half a second on an idle core, and room for a busy one"
