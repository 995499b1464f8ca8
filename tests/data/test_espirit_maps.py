"""ESPIRiT's maps are computed once, of what the mask measures, and kept in the cache folder."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kits.factories import make_site, write_site

from flmrcm.data import espirit_maps
from flmrcm.data.espirit_maps import Espirit
from flmrcm.data.order import BatchIndices
from flmrcm.data.site import Site
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.mri.acquisition import keep_center
from flmrcm.mri.espirit import cut_center, estimate_espirit_maps
from flmrcm.mri.masks import Equispaced, Mask, Random

pytest.importorskip("sigpy")

MASK, COILS, SIZE = Random((3,), (0.25,)), 3, (20, 24)
SMALL = Espirit(kernel=3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "here"
    return write_site(folder, {"train": (2, 1), "val": (1,)}, SIZE, COILS)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Gives a list that grows whenever sigpy computes; the cache is empty."""
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "cache"))
    made: list[int] = []

    def estimate(*arguments: Any) -> torch.Tensor:
        made.append(1)
        return estimate_espirit_maps(*arguments)

    monkeypatch.setattr(espirit_maps, "estimate_espirit_maps", estimate)
    return made


def open_site(root: Path, mask: Mask = MASK, maps: Espirit = SMALL, **loading: Any) -> Site:
    return make_site(root, mask=mask, needs_kspace=True, maps=maps, **loading)


def load(site: Site, numbers: list[int], epoch: int | None = 0, split: str = "train") -> Any:
    raw = site.slices(split)[BatchIndices(numbers, epoch)]
    return site.prepare_batch(raw, torch.device("cpu"))


def test_a_batch_s_maps_are_those_of_its_centre(root: Path, calls: list[int]) -> None:
    batch = load(open_site(root), [0, 1])
    for kspace, maps in zip(batch.kspace, batch.maps, strict=True):
        assert torch.equal(maps, estimate_espirit_maps(cut_center(kspace, 6), SIZE, 3, 0.02, 0.0))


def test_they_do_not_depend_on_what_the_mask_leaves_out(root: Path, calls: list[int]) -> None:
    site = open_site(root)
    raw = site.slices("train")[BatchIndices([0, 1], 0)]
    center = torch.tensor([[SIZE[0], 6]] * 2)
    outside = raw.kspace + 1e3 * (
        torch.ones_like(raw.kspace) - keep_center(torch.ones_like(raw.kspace), center)
    )
    one = site.prepare_batch(raw, torch.device("cpu"))
    other = site.prepare_batch(raw._replace(kspace=outside), torch.device("cpu"))
    assert torch.equal(one.maps, other.maps)
    assert len(calls) == 2


def test_prepared_once_nothing_is_computed_again(root: Path, calls: list[int]) -> None:
    open_site(root).prepare_maps("train")
    open_site(root).prepare_maps("val")
    assert len(calls) == 4
    again = open_site(root)
    again.prepare_maps("train")
    for epoch in range(2):
        load(again, [0, 1, 2], epoch)
    load(again, [0], None, "val")
    load(open_site(root, Equispaced((3,), (0.25,))), [0, 1, 2])  # the same centre
    assert len(calls) == 4


def test_a_volume_that_is_marked_is_not_read_again(
    root: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_site(root).prepare_maps("train")
    monkeypatch.setattr(Site, "_measure", lambda *_: pytest.fail("read again"))
    open_site(root).prepare_maps("train")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: open_site(root, Random((3,), (0.3,))),
        lambda root: open_site(root, maps=Espirit(kernel=4)),
        lambda root: open_site(root, maps=Espirit(kernel=3, threshold=0.05)),
        lambda root: open_site(root, maps=Espirit(kernel=3, crop=0.5)),
        lambda root: open_site(root, maps=Espirit(calibration=5, kernel=3)),
    ],
    ids=["centre", "kernel", "threshold", "crop", "calibration"],
)
def test_another_centre_or_parameter_has_maps_of_its_own(
    root: Path, calls: list[int], change: Callable[[Path], Site]
) -> None:
    load(open_site(root), [0])
    load(change(root), [0])
    assert len(calls) == 2


def test_each_acceleration_s_centre_is_prepared(root: Path, calls: list[int]) -> None:
    mixed = Random((3, 4), (0.3, 0.2))
    open_site(root, mixed).prepare_maps("train")
    assert len(calls) == 6
    for epoch in range(4):
        load(open_site(root, mixed), [0, 1, 2], epoch)
    assert len(calls) == 6


def test_a_damaged_file_of_the_cache_is_made_anew(
    root: Path, calls: list[int], tmp_path: Path
) -> None:
    whole = load(open_site(root), [0]).maps
    (path,) = (tmp_path / "cache").rglob("*.npy")
    path.write_bytes(path.read_bytes()[:1000])
    assert torch.equal(load(open_site(root), [0]).maps, whole)
    assert len(calls) == 2
    assert [p for p in (tmp_path / "cache").rglob(".*") if p.is_file()] == []


def test_the_work_is_told_before_it_begins(
    root: Path, calls: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    open_site(root).prepare_maps("train")
    assert "making coil maps of here train: 3 slices" in caplog.text
    caplog.clear()
    open_site(root).prepare_maps("train")
    assert "making" not in caplog.text


def test_one_coil_needs_none(tmp_path: Path, calls: list[int]) -> None:
    site = open_site(write_site(tmp_path / "single"))
    site.prepare_maps("train")
    batch = load(site, [0, 1])
    assert torch.equal(batch.maps, torch.ones_like(batch.kspace))
    assert not calls


@pytest.mark.parametrize("mask", [Random((3,), (0,)), Random((8,), (0.1,))], ids=["none", "two"])
def test_too_small_a_centre_is_refused_before_training(
    root: Path, calls: list[int], mask: Mask
) -> None:
    line = r"train_0.h5: maps=espirit needs a fully sampled centre of at least maps.kernel=3"
    with pytest.raises(DataLayoutError, match=line):
        open_site(root, mask).prepare_maps("train")


def test_a_cache_that_takes_nothing_is_explained(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataLayoutError, match=r"coil maps can't be kept: .* FLMRCM_CACHE"):
        open_site(root).prepare_maps("train")


def test_values_outside_their_range_are_refused_together() -> None:
    with pytest.raises(ConfigErrors) as caught:
        Espirit(calibration=100, kernel=1, threshold=0, crop=1)
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "maps.calibration", "maps.kernel", "maps.threshold", "maps.crop",
    ]  # fmt: skip


def test_a_missing_sigpy_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espirit_maps, "has_sigpy", lambda: False)
    with pytest.raises(ConfigErrors, match=r"sigpy isn't installed; pip install 'flmrcm\[espirit"):
        Espirit()
