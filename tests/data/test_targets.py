"""A target that no score can be computed against is found by reading targets alone."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from kits.factories import make_site, write_scan, write_site

from flmrcm.data.h5 import Volume
from flmrcm.data.targets import (
    check_targets,
    compute_brightness,
    compute_foreground_shares,
    find_foreground,
)
from flmrcm.errors import DataLayoutError


def test_foreground_is_above_a_tenth_of_the_volumes_brightness() -> None:
    image = np.zeros((4, 8, 8), np.float32)
    image[1], image[2, :4], image[3] = 100, 11, 9
    assert compute_foreground_shares(image).tolist() == [0, 1, 0.5, 0]


def test_a_few_hot_pixels_change_no_foreground() -> None:
    image = np.random.default_rng(0).uniform(1, 2, (10, 40, 40)).astype(np.float32)
    image[:, :20] = 0
    before = find_foreground(image)
    spikes = image.copy()
    spikes[0, 20:28, 20] = 1e6  # 8 of 16,000 pixels
    assert np.array_equal(find_foreground(spikes), before)
    assert before.mean() == 0.5


def test_the_brightness_of_a_clean_volume_is_nearly_its_maximum() -> None:
    image = np.random.default_rng(0).uniform(1, 2, (10, 40, 40))
    assert 1.99 < compute_brightness(image) <= image.max()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float64"])
def test_the_stored_type_of_a_target_makes_no_difference(dtype: str) -> None:
    image = np.random.default_rng(0).integers(0, 200, (4, 16, 16))
    expected = compute_foreground_shares(image.astype(np.float32))
    assert np.array_equal(compute_foreground_shares(image.astype(dtype)), expected)


def change_target(volume: Volume, place: Any, value: float) -> Volume:
    """Write a value into part of a volume's target, and return its header."""
    with h5py.File(volume.path, "a") as file:
        file[volume.target_key][place] = value
    return volume


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return write_scan(tmp_path / "v.h5", n=3)


def all_slices(*volumes: Volume) -> list[tuple[Volume, int]]:
    return [(volume, index) for volume in volumes for index in range(volume.shape[0])]


def test_good_targets_pass_whatever_their_attributes(volume: Volume) -> None:
    with h5py.File(volume.path, "a") as file:
        file.attrs["max"] = 0.0
    check_targets(all_slices(volume))
    check_targets([])


def test_a_black_target_is_refused(volume: Volume) -> None:
    line = rf"v\.h5: '{volume.target_key}' is black in all 3 slices .*sites\.here\.slices"
    with pytest.raises(DataLayoutError, match=line):
        check_targets(all_slices(change_target(volume, slice(None), 0)))


def test_only_the_slices_that_are_used_count(volume: Volume) -> None:
    change_target(volume, slice(1, None), 0)
    check_targets(all_slices(volume))
    with pytest.raises(DataLayoutError, match="black in all 2 slices"):
        check_targets([(volume, 1), (volume, 2)])


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.25, "holds negative values, down to -0.25"), (np.nan, "NaN"), (-np.inf, "infinity")],
)
def test_a_value_that_is_no_magnitude_is_refused(volume: Volume, value: float, text: str) -> None:
    change_target(volume, (1, 3, 4), value)
    check_targets([(volume, 0), (volume, 2)])
    with pytest.raises(DataLayoutError, match=rf"v\.h5: slice 1 of '.*{text}"):
        check_targets(all_slices(volume))


def test_every_bad_volume_has_a_line(tmp_path: Path) -> None:
    black, good, missing = (write_scan(tmp_path / f"{name}.h5") for name in "abc")
    change_target(black, slice(None), 0)
    missing.path.unlink()
    with pytest.raises(DataLayoutError) as caught:
        check_targets(all_slices(black, good, missing))
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [str(black.path), str(missing.path)]


def test_the_kspace_is_not_read(volume: Volume) -> None:
    with h5py.File(volume.path, "a") as file:
        del file["kspace"]
    check_targets(all_slices(volume))


def test_a_sites_examples_can_be_checked(tmp_path: Path) -> None:
    site = make_site(write_site(tmp_path / "here"))
    check_targets(site.slices("test").examples)
