"""One institution: the same batches however they are loaded."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import make_site, make_source, write_scan, write_site
from pytorch_lightning import LightningModule
from torch import Tensor

from flmrcm.data.h5 import write_volume
from flmrcm.data.site import Loading, Site
from flmrcm.learning.compute import Compute, silence_lightning
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.masks import Equispaced, Random
from flmrcm.mri.normalisation import CLAMP
from flmrcm.types import Batch

CPU = torch.device("cpu")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_site(tmp_path / "here")


def train_batches(site: Site, epoch: int = 0) -> Iterator[Batch]:
    loader = site.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return (site.prepare_batch(raw, CPU) for raw in loader)


def judged_batches(site: Site, split: str = "val") -> Iterator[Batch]:
    return (site.prepare_batch(raw, CPU) for raw in site.dataloader(split))


def assert_same(ones: Iterator[Batch], twos: Iterator[Batch]) -> None:
    """Equal bits in every field of every batch."""
    for one, two in zip(ones, twos, strict=True):
        for a, b in zip(one, two, strict=True):
            assert torch.equal(a, b) if isinstance(a, Tensor) else a == b


def masks_of(batches: Iterator[Batch]) -> dict[tuple[str, int], tuple[bool, ...]]:
    return {
        (volume, int(index)): tuple(mask.flatten().tolist())
        for batch in batches
        for volume, index, mask in zip(batch.volume, batch.slice, batch.mask, strict=True)
    }


def test_kspace_is_handed_on_only_when_asked_for(root: Path) -> None:
    assert all(batch.kspace is None for batch in judged_batches(make_site(root)))
    assert all(
        batch.kspace is not None for batch in judged_batches(make_site(root, needs_kspace=True))
    )


@pytest.mark.parametrize("loading", [{"workers": 2}, {"cache": "ram"}])
def test_workers_and_cache_change_nothing(root: Path, loading: dict[str, Any]) -> None:
    plain, other = make_site(root), make_site(root, **loading)
    assert_same(train_batches(plain, 3), train_batches(other, 3))
    assert_same(judged_batches(plain), judged_batches(other))


def test_judging_masks_are_the_same_in_every_run(root: Path) -> None:
    for split in ("val", "test"):
        one, two = (masks_of(judged_batches(make_site(root, seed=s), split)) for s in (1, 2))
        assert one == two
        assert len(set(one.values())) == 1  # one mask for the whole volume


def test_judging_masks_follow_the_masks_own_seed(root: Path) -> None:
    one, two = (
        masks_of(judged_batches(make_site(root, Random((2,), seed=seed)))) for seed in (1, 2)
    )
    assert one != two


def test_training_masks_follow_run_seed_and_visit(root: Path) -> None:
    def masks(seed: int, epoch: int) -> dict[tuple[str, int], tuple[bool, ...]]:
        return masks_of(train_batches(make_site(root, Random((2,)), seed=seed), epoch))

    first = masks(1, 0)
    assert first == masks(1, 0)
    assert first != masks(1, 1)
    assert first != masks(2, 0)
    assert len(set(first.values())) > 1  # anew for every slice


def test_every_slice_of_every_volume_and_site_is_masked_differently(tmp_path: Path) -> None:
    seen = [
        mask
        for name in ("one", "two")  # their volumes have the same names
        for mask in masks_of(
            train_batches(make_site(write_site(tmp_path / name), Random((2,))))
        ).values()
    ]
    assert len(seen) == len(set(seen)) == 14


def test_the_order_of_training_follows_run_seed_and_site(tmp_path: Path) -> None:
    def order(name: str, seed: int) -> list[tuple[str, int]]:
        site = make_site(write_site(tmp_path / name), seed=seed)
        return [(v.partition("/")[2], i) for v, i in masks_of(train_batches(site))]

    orders = [order("one", 1), order("one", 2), order("two", 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    assert orders[0] == order("one", 1)
    assert len(set(map(tuple, orders))) == 3


def test_training_masks_know_no_batch(root: Path) -> None:
    one, three = (masks_of(train_batches(make_site(root, batch_size=n), 4)) for n in (1, 3))
    assert one == three


def test_only_training_ever_sees_a_clamped_target(tmp_path: Path) -> None:
    bright = np.full((3, 16, 16), 0.1, np.float32)
    bright[:, 4, 4] = 90  # over 15 standard deviations
    for split in ("train", "val"):
        kspace = fft2c(torch.from_numpy(bright.astype(np.complex64))).numpy()
        write_volume(tmp_path / "T1" / split / "v.h5", kspace, bright, {"site": "here"})
    for clamps in (False, True):
        site = make_site(tmp_path, clamp_target=clamps)
        trained, judged = next(train_batches(site)), next(judged_batches(site))
        assert (trained.target.max() > CLAMP) == (not clamps)
        assert judged.target.max() > CLAMP


def test_a_pass_visits_every_slice_once_in_its_own_order(root: Path) -> None:
    first, second = (list(masks_of(train_batches(make_site(root), epoch))) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == sorted(set(first))
    assert len(first) == 7
    assert first != second


def test_the_training_split_is_judged_in_file_order_with_fixed_masks(root: Path) -> None:
    judged = masks_of(judged_batches(make_site(root), "train"))
    assert list(judged) == sorted(judged)
    assert len(set(judged.values())) == 2  # one per volume


def mixed_site(root: Path) -> Path:
    for name, size in (("a", (16, 16)), ("b", (16, 20)), ("c", (16, 16))):
        for split in ("train", "val"):
            write_scan(root / "T1" / split / f"{name}.h5", size=size, target=(16, 12))
    return root


def test_a_site_that_is_given_another_way_of_loading_loads_that_way(root: Path) -> None:
    site = make_site(root)
    assert all(batch.peak is None for batch in train_batches(site))
    site.loading = replace(site.loading, needs_peak=True, cache="ram")
    assert_same(train_batches(site), train_batches(make_site(root, needs_peak=True)))
    assert site.slices("train").in_memory
    other = site.with_test_split("val")
    other.loading = replace(site.loading, needs_peak=False)
    assert all(batch.peak is None for batch in train_batches(other))
    assert all(batch.peak is not None for batch in train_batches(site))


def test_slices_of_all_sizes_are_visited(tmp_path: Path) -> None:
    site = make_site(mixed_site(tmp_path / "here"))
    seen = [
        pair
        for batch in train_batches(site)
        for pair in zip(batch.volume, batch.slice.tolist(), strict=True)
    ]
    assert sorted(seen) == [(f"here/{name}", i) for name in "abc" for i in range(3)]
    assert site.list_image_sizes("train") == {(16, 12)}


def test_a_pooled_site_keeps_each_institutions_own_masks(tmp_path: Path) -> None:
    roots = [write_site(tmp_path / name) for name in ("one", "two")]
    masks = (Random((2,)), Equispaced((4,)))
    sources = [make_source(r, mask=m) for r, m in zip(roots, masks, strict=True)]
    pool = Site("pool", sources, Loading(2))
    alone = [Site(s.name, [s], Loading(2)) for s in sources]
    for batches in (judged_batches, train_batches):
        merged = masks_of(batches(alone[0])) | masks_of(batches(alone[1]))
        assert masks_of(batches(pool)) == merged
    assert (pool.n_examples, pool.label) == (14, "pool")


def test_an_institution_without_the_split_does_no_harm_to_a_pool(tmp_path: Path) -> None:
    roots = [write_site(tmp_path / "one"), write_site(tmp_path / "two", {"train": (2,)})]
    pool = Site("pool", [make_source(r) for r in roots], Loading(2))
    assert {volume for volume, _ in masks_of(judged_batches(pool))} == {"one/val_0"}


class Catcher(LightningModule):
    """Keeps the batches a Trainer hands it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Batch] = []

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen.append(batch)

    validation_step = test_step


def test_a_trainer_sees_the_batches_of_the_local_loop(root: Path) -> None:
    site, trainer = make_site(root), Compute("cpu").trainer()
    for judge, split in ((trainer.validate, "val"), (trainer.test, "test")):
        catcher = Catcher()
        with silence_lightning():
            judge(catcher, datamodule=site, verbose=False)
        assert_same(iter(catcher.seen), judged_batches(site, split))


def test_another_split_can_stand_in_for_the_test_split(root: Path) -> None:
    site = make_site(root)
    stand_in = site.with_test_split("val")
    raws = zip(stand_in.test_dataloader(), site.val_dataloader(), strict=True)
    assert all(one.volume == two.volume for one, two in raws)
    assert {name for raw in site.test_dataloader() for name in raw.volume} == {"test_0"}


def test_companions_are_as_many_as_the_sources_slices(root: Path) -> None:
    site = make_site(root)

    def pairs(epoch: int, source: str = "there") -> list[tuple[str, int]]:
        raws = site.target_batches(10, "shuffled", epoch, source)
        return [p for raw in raws for p in zip(raw.volume, raw.slice.tolist(), strict=True)]

    assert len(pairs(0)) == 10
    assert len(set(pairs(0)[:7])) == 7  # all of the target's before any comes again
    assert pairs(0) == pairs(0)
    assert pairs(0) != pairs(1)
    assert pairs(0) != pairs(0, "elsewhere")


def test_a_companion_that_comes_again_in_a_pass_is_masked_anew(root: Path) -> None:
    site = make_site(root, Random((2,)))
    raws = site.target_batches(21, "published", 0, "there")  # three times its 7 slices
    masks: dict[tuple[str, int], list[tuple[bool, ...]]] = {}
    for batch in (site.prepare_batch(raw, CPU) for raw in raws):
        for volume, index, mask in zip(batch.volume, batch.slice, batch.mask, strict=True):
            masks.setdefault((volume, int(index)), []).append(tuple(mask.flatten().tolist()))
    assert len(masks) == 7
    assert all(len(set(drawn)) == len(drawn) == 3 for drawn in masks.values())
    first = masks_of(train_batches(site))
    assert all(drawn[0] == first[place] for place, drawn in masks.items())
