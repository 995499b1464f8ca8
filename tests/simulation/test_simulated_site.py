"""Simulated institutions: reproducible, complete, and different from each other."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from numpy.testing import assert_allclose, assert_array_equal
from omegaconf import OmegaConf

from flmrcm.data.h5 import Volume, read_header, read_slice
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.mri.fourier import ifft2c
from flmrcm.simulation.protocol import ScanProtocol, Spgr, SpinEcho
from flmrcm.simulation.simulated_site import SimulatedSite

CONF = Path(__file__).parents[2] / "conf" / "site"
SITES = ("sim_b", "sim_f", "sim_h", "sim_i")
PROTOCOL = ScanProtocol(3.0, {"T1": Spgr(8, 3, 11), "T2": SpinEcho(4000, 90)}, snr=100)


@pytest.fixture
def site(tmp_path: Path) -> SimulatedSite:
    return SimulatedSite("here", PROTOCOL, tmp_path, 32, {"train": 1, "test": 1}, slices=2)


def volumes(site: SimulatedSite, contrast: str = "T1") -> dict[str, Volume]:
    folder = site.ensure(contrast) / contrast
    return {path.stem: read_header(path, site.name) for path in sorted(folder.glob("*/*.h5"))}


def kspace(site: SimulatedSite, name: str, contrast: str = "T1") -> np.ndarray:
    volume = volumes(site, contrast)[name]
    return np.stack([read_slice(volume, index)[0] for index in range(volume.shape[0])])


def test_it_creates_one_contrast_of_the_people_in_its_splits(site: SimulatedSite) -> None:
    assert not site.locate().exists()
    assert set(volumes(site)) == {"here_train_000", "here_test_000"}
    assert [folder.name for folder in site.locate().iterdir()] == ["T1"]


@pytest.mark.parametrize("coils", [1, 4])
def test_the_target_is_the_image_of_its_kspace(site: SimulatedSite, coils: int) -> None:
    volume = volumes(replace(site, coils=coils))["here_test_000"]
    stored, target = read_slice(volume, 0)
    assert volume.shape == (2, coils, 32, 32)
    image = ifft2c(torch.from_numpy(stored)).abs().square().sum(0).sqrt()
    assert_allclose(image.numpy(), target, atol=1e-5)


def test_equal_fields_give_equal_bits(site: SimulatedSite, tmp_path: Path) -> None:
    again = replace(site, cache=tmp_path / "elsewhere")
    assert site.locate().name == again.locate().name
    assert_array_equal(kspace(site, "here_test_000"), kspace(again, "here_test_000"))


def test_a_person_does_not_depend_on_the_number_of_others(site: SimulatedSite) -> None:
    larger = replace(site, subjects={"test": 2, "train": 2, "val": 1})
    assert site.locate() != larger.locate()
    assert_array_equal(kspace(site, "here_test_000"), kspace(larger, "here_test_000"))


def test_nobody_is_in_two_volumes_of_a_contrast(site: SimulatedSite) -> None:
    larger = replace(site, subjects={"train": 2, "val": 1, "test": 1})
    people = {name: kspace(larger, name) for name in volumes(larger)}
    for one, other in combinations(people.values(), 2):
        assert np.abs(one - other).mean() > 0.05


@pytest.mark.parametrize("other", [{"name": "there"}, {"seed": 1}])
def test_other_sites_and_seeds_have_other_people(
    site: SimulatedSite, other: dict[str, object]
) -> None:
    changed = replace(site, **other)
    difference = kspace(site, "here_test_000") - kspace(changed, f"{changed.name}_test_000")
    assert np.abs(difference).mean() > 0.05


def test_both_contrasts_show_one_head(site: SimulatedSite) -> None:
    heads = [
        np.abs(ifft2c(torch.from_numpy(kspace(site, "here_test_000", contrast))).numpy()) > 0.2
        for contrast in ("T1", "T2")
    ]
    assert (heads[0] == heads[1]).mean() > 0.85


def test_only_the_missing_volumes_of_an_interrupted_set_are_created(site: SimulatedSite) -> None:
    site.ensure("T1")
    folder = site.locate() / "T1"
    present, missing = folder / "train/here_train_000.h5", folder / "test/here_test_000.h5"
    before = present.stat().st_mtime_ns
    missing.unlink()
    (folder / "done").unlink()
    site.ensure("T1")
    assert missing.exists()
    assert present.stat().st_mtime_ns == before


def test_a_complete_set_is_not_touched(site: SimulatedSite) -> None:
    site.ensure("T1")
    volume = site.locate() / "T1/test/here_test_000.h5"
    volume.unlink()
    site.ensure("T1")
    assert not volume.exists()


def test_attributes_show_that_it_is_simulated(site: SimulatedSite) -> None:
    with h5py.File(volumes(site)["here_test_000"].path) as file:
        attributes = dict(file.attrs)
    assert attributes["kspace_origin"] == "simulated"
    assert attributes["source"].startswith("simulated")
    assert (attributes["site"], attributes["contrast"]) == ("here", "T1")
    assert_allclose(attributes["voxel_mm"], [31, 230 / 32, 230 / 32])


def test_a_contrast_without_a_sequence_is_refused(site: SimulatedSite) -> None:
    with pytest.raises(DataLayoutError, match="T1, T2"):
        site.ensure("flair")


def test_all_mistakes_are_reported_together(site: SimulatedSite) -> None:
    with pytest.raises(ConfigErrors) as caught:
        replace(site, name="a/b", size=31, slices=0, coils=0, subjects={"tests": 1})
    assert len(caught.value.problems) == 5


def configured(name: str, folder: Path) -> SimulatedSite:
    simulated = {
        "size": 64,
        "slices": 2,
        "coils": 1,
        "subjects": {"test": 1},
        "lesions": None,
        "folder": str(folder),
    }
    config = OmegaConf.create({"contrast": "T1", "coils": "auto", "data": {"seed": 0}})
    config.data.simulated = simulated
    config.site = OmegaConf.load(CONF / f"{name}.yaml")
    return instantiate(config.site.generator)


def test_the_four_institutions_look_different(tmp_path: Path) -> None:
    def magnitude(name: str) -> np.ndarray:
        site = configured(name, tmp_path)
        assert site.name == name
        return np.abs(ifft2c(torch.from_numpy(kspace(site, f"{name}_test_000"))).numpy())

    images = {name: magnitude(name) for name in SITES}
    background = {name: np.median(image[..., :2, :]) for name, image in images.items()}
    shown = {name: (image > np.percentile(image, 98) / 4).mean() for name, image in images.items()}
    assert max(background, key=background.__getitem__) == "sim_i", "the noisiest"
    assert min(shown, key=shown.__getitem__) == "sim_b", "a brain without skull and scalp"
