"""A simulated tumour: within the tissue of one person, the same in every scan, and no disc."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from flmrcm.config.compose import compose_config
from flmrcm.config.identity import hash_config
from flmrcm.data.h5 import read_header
from flmrcm.data.lesion_masks import LESION_MASK, read_lesion_mask
from flmrcm.simulation import simulated_site
from flmrcm.simulation.anatomy import Grid, compute_tissue_amounts
from flmrcm.simulation.lesions import Lesion, draw_lesion, grow_lesion
from flmrcm.simulation.protocol import ScanProtocol, Spgr, SpinEcho
from flmrcm.simulation.scanner import AcquisitionMatrix, reconstruct_magnitude, simulate_scan
from flmrcm.simulation.simulated_site import SimulatedSite
from flmrcm.simulation.tissues import FIELD_STRENGTHS, get_lesion_relaxation, get_relaxation

PERSON = (0, "somewhere", "test", 3)
PROTOCOL = ScanProtocol(3.0, {"T1": Spgr(8, 3, 11), "T2": SpinEcho(3000, 80)}, snr=100)
MATRIX = AcquisitionMatrix(size=96, slices=6, coils=1)
GRID = Grid(size=96, field_mm=230.0, slices=6)


@pytest.fixture(scope="module")
def lesion() -> Lesion:
    return draw_lesion(*PERSON)


@pytest.fixture(scope="module")
def amounts() -> np.ndarray:
    return compute_tissue_amounts(GRID, *PERSON)


def scan(contrast: str, lesion: Lesion | None) -> tuple[np.ndarray, np.ndarray | None]:
    kspace, mask = simulate_scan(PROTOCOL, MATRIX, contrast, PERSON, lesion)
    return reconstruct_magnitude(kspace).numpy(), None if mask is None else mask.numpy()


def test_one_address_is_one_lesion_and_people_differ_in_place_and_size(lesion: Lesion) -> None:
    assert draw_lesion(*PERSON) == lesion
    others = [draw_lesion(0, "somewhere", "test", number) for number in range(3)]
    assert len({one.center_mm for one in (lesion, *others)}) == 4
    assert len({one.radii_mm for one in (lesion, *others)}) == 4


@pytest.mark.parametrize("number", range(3))
def test_it_lies_in_white_and_grey_matter(number: int) -> None:
    person = (1, "anywhere", number)
    head, drawn = compute_tissue_amounts(GRID, *person), draw_lesion(*person)
    z, y, x = (
        int(np.abs(axis - middle).argmin())
        for axis, middle in zip(GRID.compute_axes(), drawn.center_mm, strict=True)
    )
    near = head[:, z, y - 3 : y + 4, x - 3 : x + 4].mean((1, 2))
    assert near[:2].sum() > 0.6 * near[:3].sum() / 2
    extent = grow_lesion(drawn, GRID, head).tumour
    assert (extent > 0.5).sum() > 20
    assert_array_equal(extent[head[:3].sum(0) < 0.1], 0)


def test_nothing_is_added_lost_or_pushed_aside(lesion: Lesion, amounts: np.ndarray) -> None:
    grown, _ = grow_lesion(lesion, GRID, amounts)
    outside = grown[7:].sum(0) == 0
    assert_allclose(grown.sum(0), amounts.sum(0), atol=1e-5)
    assert_array_equal(grown[2:7], amounts[2:])
    assert grown.min() >= 0
    assert_array_equal(grown[:7, outside], amounts[:, outside])
    assert all(part.sum() > 1 for part in grown[7:])


def test_core_lies_in_rim_and_rim_in_oedema(lesion: Lesion, amounts: np.ndarray) -> None:
    parts = grow_lesion(lesion, GRID, amounts).amounts[7:]
    z, y, x = np.meshgrid(*GRID.compute_axes(), indexing="ij")
    away = np.sqrt(sum((p - c) ** 2 for p, c in zip((z, y, x), lesion.center_mm, strict=True)))
    core, rim, oedema = ((away * part).sum() / part.sum() for part in parts)
    assert core < rim < oedema


def test_it_is_the_same_on_a_finer_grid(lesion: Lesion, amounts: np.ndarray) -> None:
    fine = Grid(2 * GRID.size, GRID.field_mm, GRID.slices)
    finer = grow_lesion(lesion, fine, compute_tissue_amounts(fine, *PERSON)).tumour
    assert_allclose(finer[:, ::2, ::2], grow_lesion(lesion, GRID, amounts).tumour, atol=1e-3)


def test_its_border_is_no_disc(lesion: Lesion, amounts: np.ndarray) -> None:
    extent = grow_lesion(lesion, GRID, amounts).tumour
    slice_ = extent[extent.sum((1, 2)).argmax()] > 0.5
    edge = slice_ & ~ndimage.binary_erosion(slice_)
    y, x = np.nonzero(edge)
    middle = np.argwhere(slice_).mean(0)
    radius = np.hypot(y - middle[0], x - middle[1])
    assert radius.std() > 0.1 * radius.mean()  # that of a disc of pixels is about 0.05


def test_both_contrasts_have_one_mask_and_show_it_in_opposite_ways(lesion: Lesion) -> None:
    (t1, mask), (t2, other) = scan("T1", lesion), scan("T2", lesion)
    assert mask is not None
    assert other is not None
    assert_array_equal(mask, other)
    assert mask.shape == t1.shape
    ring = ndimage.binary_dilation(mask, np.ones((1, 7, 7))) & ~mask
    assert t1[mask].mean() < 0.97 * t1[ring].mean()
    assert t2[mask].mean() > 1.03 * t2[ring].mean()


def test_the_mask_lies_where_the_image_differs_and_the_rest_stays(
    lesion: Lesion, amounts: np.ndarray
) -> None:
    (ill, mask), (well, nothing) = scan("T2", lesion), scan("T2", None)
    assert nothing is None
    assert mask is not None
    difference = np.abs(ill - well)
    touched = grow_lesion(lesion, GRID, amounts).amounts[7:].sum(0) > 0
    far = ~ndimage.binary_dilation(touched, np.ones((1, 9, 9)))
    assert difference[far].max() < 0.03 * difference.max()
    assert difference[mask].mean() > 1.3 * difference[touched & ~mask].mean()


@pytest.mark.parametrize("tesla", FIELD_STRENGTHS)
def test_every_part_relaxes_more_slowly_than_white_matter_and_faster_than_fluid(
    tesla: float,
) -> None:
    tissue, parts = get_relaxation(tesla), get_lesion_relaxation(tesla)
    for own, all_ in zip(parts, tissue, strict=True):
        white, fluid = all_[0], all_[2]
        assert ((own > white) & (own < fluid)).all()
        assert torch.equal(own, own.sort(descending=True).values)


@pytest.fixture
def site(tmp_path: Path) -> SimulatedSite:
    return SimulatedSite("here", PROTOCOL, tmp_path, 32, {"test": 1}, slices=6, lesions=True)


def stored(site: SimulatedSite) -> Path:
    return site.ensure("T1") / "T1/test/here_test_000.h5"


def test_a_volume_holds_its_mask_and_one_that_shows_no_lesion_holds_none(
    site: SimulatedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(site)
    assert read_header(path, "here").has_lesion
    assert any(read_lesion_mask(path, index).any() for index in range(6))
    away = Lesion((500.0, 0.0, 0.0), (5.0, 9.0, 14.0), (1.0, 1.0, 1.0), 1)
    monkeypatch.setattr(simulated_site, "draw_lesion", lambda *_: away)
    other, well = stored(replace(site, seed=1)), stored(replace(site, seed=1, lesions=None))
    with h5py.File(other) as ill, h5py.File(well) as healthy:
        assert LESION_MASK not in ill
        assert_array_equal(ill["kspace"], healthy["kspace"])


def test_without_lesions_folder_and_bits_are_those_from_before_there_were_any(
    site: SimulatedSite,
) -> None:
    well = replace(site, lesions=None)
    assert well.locate().name == "here-09c5bbfe49e7"
    assert replace(site, lesions=False).locate() == well.locate() != site.locate()
    assert LESION_MASK not in h5py.File(stored(well))


def test_the_key_gives_two_of_the_sites_lesions_and_is_another_experiment() -> None:
    usual, ill = (compose_config("train", words) for words in ([], ["data.simulated.lesions=true"]))
    assert {n for n, s in ill.sites.items() if s.generator.get("lesions")} == {"sim_b", "sim_h"}
    assert hash_config(_root_=ill) != hash_config(_root_=usual)
