"""What runs saved is found, and what is damaged is left out."""

import h5py
import numpy as np
import pytest

from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.figures.saved_volumes import (
    describe_middle_slice,
    find_saved_volumes,
    list_saving_sites,
    read_latents,
    read_middle_slices,
)


def save(folder, site, name, **data):
    path = folder / "reconstructions" / site / f"{name}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for kind, array in data.items():
            file[kind] = array
    return path


def latents(slices, level=0.0):
    """Each slice knows its number."""
    return np.arange(slices, dtype=np.float32)[:, None] + np.full((slices, 3), level, np.float32)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path, {}, None)


def test_volumes_are_found_by_site(run):
    save(run.folder, "east", "a", latent=latents(2))
    (run.folder / "reconstructions" / "empty").mkdir()
    assert list(find_saved_volumes(run, "east")) == ["a"]
    assert list_saving_sites(run) == ["east"]


def test_the_middle_slice_is_read(run):
    path = save(run.folder, "east", "a", target=latents(5))
    assert read_middle_slices(path, ["target"])["target"].tolist() == [2, 2, 2]


@pytest.mark.parametrize("slices", [1, 2, 5, 6])
def test_the_slice_that_is_read_is_the_one_that_is_named(run, slices):
    path = save(run.folder, "east", "a", target=latents(slices))
    number = int(read_middle_slices(path, ["target"])["target"][0]) + 1
    assert describe_middle_slice(path) == f"slice {number} of {slices}"


def test_what_is_missing_or_damaged_is_none(run, tmp_path):
    path = save(run.folder, "east", "a", target=latents(5))
    assert read_middle_slices(path, ["target", "input"]) is None
    path.write_bytes(path.read_bytes()[:100])
    assert read_middle_slices(path, ["target"]) is None
    assert read_middle_slices(tmp_path / "none.h5", ["target"]) is None


def test_a_cloud_knows_each_points_site_and_volume(run):
    save(run.folder, "east", "a", latent=latents(2))
    save(run.folder, "west", "a", latent=latents(3, level=10))
    cloud = read_latents(run, max_points=100)
    assert cloud.latents[:, 0].tolist() == [0, 1, 10, 11, 12]
    assert cloud.sites == ["east"] * 2 + ["west"] * 3
    assert cloud.volumes == ["east/a"] * 2 + ["west/a"] * 3


def test_a_cloud_has_no_more_points_than_asked_for_and_equal_shares(run):
    for n in range(20):
        save(run.folder, "east", f"v{n}", latent=latents(10))
    for n in range(4):
        save(run.folder, "west", f"v{n}", latent=latents(10))
    cloud = read_latents(run, max_points=24)
    assert [cloud.sites.count(site) for site in ("east", "west")] == [12, 12]
    assert cloud.latents[-3:, 0].tolist() == [0, 4, 9], "evenly spaced, both ends among them"


def test_the_same_volumes_are_drawn_in_every_run(run, tmp_path):
    other = Run(tmp_path / "other", {}, None)
    for n in range(20):
        for each in (run, other):
            save(each.folder, "east", f"v{n}", latent=latents(2))
            save(each.folder, "west", f"v{n}", latent=latents(2))
    assert read_latents(run, max_points=8).volumes == read_latents(other, max_points=8).volumes


def test_there_is_no_cloud_of_one_site_nor_without_latents(run):
    save(run.folder, "east", "a", latent=latents(2))
    assert read_latents(run, max_points=100) is None
    save(run.folder, "west", "a", target=latents(2))
    assert read_latents(run, max_points=100) is None


def test_a_site_with_one_slice_makes_no_cloud(run):
    """Distances within a site need two points."""
    save(run.folder, "east", "a", latent=latents(1))
    save(run.folder, "west", "a", latent=latents(4))
    assert read_latents(run, max_points=100) is None
