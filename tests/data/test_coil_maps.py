"""Coil maps of a batch: the model's own business, the centre's estimate, or what files hold."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from kits.factories import make_site, write_scan, write_site
from numpy.testing import assert_allclose
from torch import Tensor

from flmrcm.data.coil_maps import Adaptive, CoilMaps, FromModel, Stored
from flmrcm.data.order import BatchIndices
from flmrcm.data.site import Site
from flmrcm.errors import DataLayoutError
from flmrcm.models.cascade import Cascade
from flmrcm.mri.acquisition import Cartesian
from flmrcm.mri.coils import make_birdcage_maps
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.masks import Random
from flmrcm.seeding import seeded
from flmrcm.types import Batch

COILS, SIZE = 3, (16, 12)
TRUE = make_birdcage_maps(COILS, *SIZE)


def open_site(root: Path, maps: CoilMaps, **loading: Any) -> Site:
    return make_site(root, mask=Random((3,), (0.25,)), needs_kspace=True, maps=maps, **loading)


def load(site: Site, split: str = "train") -> Batch:
    raw = site.slices(split)[BatchIndices([0, 1], 0 if split == "train" else None)]
    return site.prepare_batch(raw, torch.device("cpu"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_site(tmp_path / "here", size=SIZE, coils=COILS)


def store(root: Path, maps: Tensor | np.ndarray = TRUE, beside: bool = False) -> None:
    """Write maps, the same for every slice, into each volume's file or into one beside it."""
    for path in root.glob("*/*/*.h5"):
        with h5py.File(path) as file:
            n_slices = len(file["kspace"])
        target = path.parent / "sensitivity_maps" / path.name if beside else path
        target.parent.mkdir(exist_ok=True)
        with h5py.File(target, "a") as file:
            file["sensitivity_map"] = np.repeat(np.asarray(maps)[None], n_slices, axis=0)


def test_left_to_the_model_a_batch_has_none(root: Path) -> None:
    assert load(open_site(root, FromModel())).maps is None


def test_adaptive_maps_are_to_the_bit_what_models_find_themselves(root: Path) -> None:
    found, left = (load(open_site(root, maps)) for maps in (Adaptive(), FromModel()))
    with seeded("adaptive"):
        net = Cascade(2, 2, 4)
    for own, other in zip(net._read(found), net._read(left), strict=True):
        own, other = (x.maps if isinstance(x, Cartesian) else x for x in (own, other))
        assert torch.equal(own, other)
    assert torch.equal(net(found).image, net(left).image)


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_true_maps_of_files_explain_the_kspace(root: Path, beside: bool, scale: float) -> None:
    store(root, scale * TRUE, beside)
    site = open_site(root, Stored(), resolution=32)
    site.prepare_maps("train")
    batch = load(site)
    raw = site.slices("train")[BatchIndices([0, 1], 0)]
    image = (ifft2c(raw.kspace) * TRUE.conj()).sum(1)
    acquisition = Cartesian(batch.mask, batch.maps)
    assert_allclose(acquisition.forward(image), batch.kspace, atol=1e-5)
    assert_allclose(acquisition.reduce(raw.kspace), image, atol=1e-5)


def test_stored_maps_are_turned_with_their_kspace(tmp_path: Path) -> None:
    rows = write_site(tmp_path / "rows", size=SIZE[::-1], coils=COILS)
    store(rows, np.swapaxes(TRUE.numpy(), -2, -1))
    for path in rows.glob("*/*/*.h5"):
        with h5py.File(path, "a") as file:
            file.attrs["phase_encoding"] = "rows"
    site = open_site(rows, Stored())
    site.prepare_maps("train")
    assert_allclose(load(site).maps[0], TRUE, atol=1e-6)


@pytest.mark.parametrize("maps", [Adaptive(), Stored()])
def test_one_coil_needs_no_maps_and_has_ones(tmp_path: Path, maps: CoilMaps) -> None:
    site = open_site(write_site(tmp_path / "single"), maps)
    site.prepare_maps("train")
    batch = load(site)
    assert torch.equal(batch.maps, torch.ones_like(batch.kspace))


def test_volumes_without_maps_are_named_before_training(root: Path) -> None:
    site = open_site(root, Stored())
    with pytest.raises(DataLayoutError, match=r"train_0.h5: maps=file, but it holds no data set"):
        site.prepare_maps("train")


@pytest.mark.parametrize(
    "wrong",
    [
        make_birdcage_maps(COILS, 16, 16).numpy(),
        make_birdcage_maps(COILS + 1, *SIZE).numpy(),
        TRUE.abs().numpy(),
    ],
    ids=["size", "coils", "real"],
)
def test_maps_that_do_not_fit_are_refused_before_training(root: Path, wrong: np.ndarray) -> None:
    store(root, wrong)
    with pytest.raises(DataLayoutError, match=r"'sensitivity_map' is .* but its k-space is"):
        open_site(root, Stored()).prepare_maps("train")


def test_maps_that_are_not_finite_are_refused(root: Path) -> None:
    store(root, torch.full_like(TRUE, torch.nan))
    with pytest.raises(DataLayoutError, match="holds NaN or infinity"):
        load(open_site(root, Stored()))


def test_maps_beside_the_volumes_are_no_volumes(root: Path) -> None:
    store(root, beside=True)
    write_scan(root / "T1" / "val" / "more.h5", 1, SIZE, COILS)
    site = open_site(root, FromModel())
    assert len({volume.path for volume, _ in site.slices("val").examples}) == 2
