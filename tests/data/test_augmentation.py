"""A moved slice is a scan that could have been measured: k-space, target and maps move together."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from kits.factories import make_site, smooth_images, write_site
from kits.laws import equal

from flmrcm.data.augmentation import Augmentation, Movement, move_batch, move_images
from flmrcm.data.slices import RawBatch
from flmrcm.data.transforms import choose_crop_size, prepare_images
from flmrcm.errors import ConfigErrors
from flmrcm.mri.acquisition import Cartesian, center_crop
from flmrcm.mri.coil_combination import rss
from flmrcm.mri.coils import expand_coils, make_birdcage_maps
from flmrcm.mri.fourier import fft2c, ifft2c
from flmrcm.strategies.fedavg import FedAvg

CPU = torch.device("cpu")
FLIPS = [(False, False), (True, False), (False, True), (True, True)]
SIZES = [((20, 16), (20, 16)), ((20, 16), (12, 10)), ((21, 16), (13, 11)), ((16, 20), (15, 15))]
"""Of k-space, and of the target in its middle; odd and even."""


def scan(size=(20, 16), final=(20, 16), coils=3):
    """Return a raw batch of two smooth slices whose target is a crop of their images."""
    images, maps = torch.from_numpy(smooth_images(2, size)), make_birdcage_maps(coils, *size)
    target = center_crop(images.abs(), *final)
    kspace = fft2c(expand_coils(images, maps))
    return RawBatch(
        kspace, target, ["here"] * 2, ["volume"] * 2, torch.arange(2), 0,
        maps=maps.expand(2, -1, -1, -1).clone(),
    )  # fmt: skip


def image_of(raw):
    return rss(ifft2c(raw.kspace))


@pytest.mark.parametrize(("size", "final"), SIZES)
@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("resolution", [256, 9])
def test_a_flipped_scan_reconstructs_to_its_flipped_target(size, final, flips, resolution):
    raw = scan(size, final)
    seen = choose_crop_size(resolution, size, final)
    moved = move_batch(raw, seen, [Movement(flips)] * 2)
    crop = center_crop(moved.target, *seen)
    torch.testing.assert_close(center_crop(image_of(moved), *seen), crop, atol=1e-5, rtol=1e-4)
    axes = [axis for axis, flip in zip((1, 2), flips, strict=True) if flip]
    assert torch.equal(crop, center_crop(raw.target, *seen).flip(axes))


@pytest.mark.parametrize(("size", "final"), SIZES)
@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("resolution", [9, 8])
def test_what_a_network_sees_of_a_flipped_scan_is_the_flip_of_what_it_sees_of_the_scan(
    size, final, flips, resolution
):
    raw, everything = scan(size, final), Cartesian(torch.ones(1, 1, 1, size[1], dtype=torch.bool))
    moved = move_batch(raw, choose_crop_size(resolution, size, final), [Movement(flips)] * 2)
    before, after = (
        prepare_images(r.kspace, everything, r.target, resolution, False) for r in (raw, moved)
    )
    axes = [axis for axis, flip in zip((2, 3), flips, strict=True) if flip]
    torch.testing.assert_close(after.image, before.image.flip(axes), atol=1e-4, rtol=0)
    torch.testing.assert_close(after.target, after.image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("degrees", [-10.0, 4.0, 30.0])
def test_a_rotated_scan_reconstructs_to_its_rotated_target(degrees):
    size = (48, 40)
    raw = scan(size, size)
    moved = move_batch(raw, size, [Movement(degrees=degrees), Movement((True, False), degrees)])
    inner = (24, 20)
    error = center_crop(image_of(moved) - moved.target, *inner)
    assert float(error.abs().max()) < 0.05 * float(raw.target.max())
    assert float((moved.target - raw.target).abs().max()) > 0.2 * float(raw.target.max())


@pytest.mark.parametrize("final", [(32, 40), (32, 32), (64, 33)])
def test_what_a_rotation_brings_in_from_beside_the_target_is_black_in_both(final):
    raw = scan((64, 40), final)
    moved = move_batch(raw, final, [Movement(degrees=10.0), Movement((True, True), -10.0)])
    seen = center_crop(image_of(moved), *final)
    assert float((moved.target == 0).float().mean()) > 0.005
    error = (seen - moved.target).square().sum() / moved.target.square().sum()
    assert float(error) < 0.005


@pytest.mark.parametrize("movement", [Movement((True, False)), Movement(degrees=8.0)])
def test_maps_move_with_the_images_of_their_coils(movement):
    raw = scan((48, 40), (48, 40))
    moved = move_batch(raw, (48, 40), [movement] * 2)
    image = move_images(ifft2c(raw.kspace), (48, 40), [movement] * 2)
    combined = (moved.maps.conj() * image).sum(1).abs()
    error = center_crop(combined - moved.target, 24, 20)
    assert float(error.abs().max()) < 0.05 * float(raw.target.max())


@pytest.mark.parametrize("flips", FLIPS)
def test_a_flip_undoes_itself_to_the_bit(flips):
    images = torch.from_numpy(smooth_images(4, (21, 16))).view(2, 2, 21, 16)
    twice = move_images(
        move_images(images, (9, 8), [Movement(flips)] * 2), (9, 8), [Movement(flips)] * 2
    )
    assert torch.equal(twice, images)


def test_a_rotation_is_undone_by_the_opposite_one():
    images = torch.from_numpy(smooth_images(1, (64, 64), 3)).view(1, 1, 64, 64).real
    there = move_images(images, (64, 64), [Movement(degrees=12.0)])
    back = move_images(there, (64, 64), [Movement(degrees=-12.0)])
    errors = [center_crop(x - images, 32, 32).abs().max() for x in (back, there)]
    assert errors[0] < 0.1 * images.max() < 0.5 * images.max() < errors[1]


def test_a_positive_angle_turns_as_numpy_turns():
    image = torch.from_numpy(smooth_images(1, (32, 32))).abs().view(1, 1, 32, 32)
    quarter = move_images(image, (32, 32), [Movement(degrees=90.0)])[0, 0]
    turns = [np.rot90(image[0, 0].numpy(), k) for k in (1, -1)]
    assert min(float(np.abs(quarter.numpy() - turn).max()) for turn in turns) < 1e-4


@pytest.mark.parametrize("columns", [16, 17])
def test_padding_is_reversed_as_the_frequencies_are(columns):
    image = torch.randn(1, 1, 8, columns, dtype=torch.complex64)
    acquired = torch.ones(1, columns, dtype=torch.bool)
    acquired[0, :3] = False
    raw = replace_kspace(scan((8, columns), (8, columns)), fft2c(image) * acquired[:, None, None])
    moved = move_batch(raw._replace(acquired=acquired), (8, columns), [Movement((False, True))])
    assert float((moved.kspace * ~moved.acquired[:, None, None]).abs().max()) < 1e-5
    assert int(moved.acquired.sum()) == columns - 3


def replace_kspace(raw, kspace):
    return raw._replace(kspace=kspace, target=None, maps=None)


def test_draws_follow_the_seed_and_reach_both_ways():
    rule = Augmentation(degrees=10.0)
    drawn = [rule.draw(seed) for seed in range(200)]
    assert drawn == [rule.draw(seed) for seed in range(200)]
    assert {m.flips for m in drawn} == {*FLIPS}
    angles = [m.degrees for m in drawn]
    assert -10 <= min(angles) < -8 < 8 < max(angles) <= 10


def test_a_probability_of_nothing_moves_nothing():
    still = Augmentation(0.0, 0.0, 0.0)
    assert {still.draw(seed) for seed in range(50)} == {Movement()}


@pytest.fixture
def root(tmp_path):
    return write_site(tmp_path / "here")


def train_batches(site, epoch=0):
    loader = site.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return [site.prepare_batch(raw, CPU) for raw in loader]


def test_only_training_is_moved(root):
    plain, moved = make_site(root), make_site(root, augmentation=Augmentation(1.0, 0.0))
    for split in ("train", "val", "test"):
        for one, two in zip(plain.dataloader(split), moved.dataloader(split), strict=True):
            images = (site.prepare_batch(raw, CPU) for site, raw in ((plain, one), (moved, two)))
            assert torch.equal(*(batch.image for batch in images))
    for one, two in zip(train_batches(plain), train_batches(moved), strict=True):
        assert torch.equal(one.mask, two.mask)
        assert not torch.equal(one.image, two.image)


def test_a_slice_is_moved_anew_in_each_pass_whoever_loads_it(root):
    rule = Augmentation(degrees=5.0)
    here, there = (make_site(root, augmentation=rule, **more) for more in ({}, {"cache": "ram"}))
    first, second = train_batches(here, 0), train_batches(here, 1)
    again = train_batches(there, 0)
    assert all(torch.equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a.image, b.image) for a, b in zip(first, second, strict=True))


def test_a_resumed_run_sees_the_slices_of_the_uninterrupted_one(setting, sites):
    def moving(rounds):
        here = setting(rounds=rounds)
        here.sites = {name: copy_moving(site) for name, site in sites.items()}
        return here

    straight, halves = moving(3), moving(1)
    halves.run(FedAvg())
    halves.rounds = 3
    found = halves.run(FedAvg()).weights
    assert equal(found, straight.run(FedAvg()).weights)
    assert not equal(found, setting(rounds=3).run(FedAvg()).weights)


def copy_moving(site):
    source = site.sources[0]
    moving = make_site(source.root, seed=site.loading.seed)
    moving.loading = replace(moving.loading, augmentation=Augmentation(degrees=5.0))
    return moving


@pytest.mark.parametrize("wrong", [{"flip_rows": 1.5}, {"flip_columns": -0.1}, {"degrees": 90.0}])
def test_a_number_outside_its_range_is_refused(wrong):
    (key,) = wrong
    with pytest.raises(ConfigErrors, match=rf"augmentation\.{key}: in"):
        Augmentation(**wrong)
