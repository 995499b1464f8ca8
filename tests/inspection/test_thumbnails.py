"""Small pictures keep shape, brightness and position of the images."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from kits.factories import scanned, write_plain, write_scan
from PIL import Image

from flmrcm.data.h5 import read_header
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.thumbnails import (
    choose_evenly,
    encode_data_uri,
    find_white_level,
    fit_to_side,
    read_images,
)


@pytest.mark.parametrize(("n", "most"), [(0, 4), (3, 4), (4, 4), (100, 24), (25, 24), (9, 1)])
def test_different_indices_are_chosen_in_order(n: int, most: int) -> None:
    indices = choose_evenly(n, most)
    assert len(indices) == min(n, most)
    assert indices == sorted(set(indices))
    assert all(0 <= index < n for index in indices)


def test_as_many_indices_are_left_out_at_both_ends() -> None:
    first, *_, last = choose_evenly(100, 10)
    assert (first, last) == (5, 95)


@pytest.mark.parametrize(("size", "expected"), [((40, 20), (10, 5)), ((5, 3), (10, 6))])
def test_the_longer_side_gets_the_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit_to_side(np.ones(size, np.float32), 10).shape == expected


def test_shrinking_averages_and_broken_pixels_are_black() -> None:
    image = np.arange(64, dtype=np.float32).reshape(8, 8)
    assert fit_to_side(image, 4).mean() == pytest.approx(image.mean())
    image[0, 0] = np.nan
    assert np.isfinite(fit_to_side(image, 8)).all()


def test_the_white_level_comes_from_the_head_and_is_never_zero() -> None:
    image = np.zeros((1, 20, 20), np.float32)
    assert find_white_level(image) == 1.0
    image[0, 5:15, 5:15] = 3.0
    assert find_white_level(image) == 3.0


def test_a_data_uri_is_the_image() -> None:
    image = np.linspace(0, 2, 256, dtype=np.float32).reshape(16, 16)
    head, content = encode_data_uri(image, 1.0).split(",")
    assert head == "data:image/jpeg;base64"
    decoded = np.asarray(Image.open(BytesIO(b64decode(content))), float) / 255
    assert np.abs(decoded - image.clip(0, 1)).max() < 0.1


def test_a_missing_target_or_slice_is_one_clear_line(tmp_path) -> None:
    volume = write_scan(tmp_path / "v.h5")
    assert read_images(volume, [0, 2], 8).shape == (2, 8, 8)
    with pytest.raises(DataLayoutError, match="can't be read"):
        read_images(volume, [5], 8)
    bare = read_header(write_plain(tmp_path / "w.h5", kspace=scanned(2, (16, 16))[0]), "")
    with pytest.raises(DataLayoutError, match="no target to show"):
        read_images(bare, [0], 8)
