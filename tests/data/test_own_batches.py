"""Batches of `mask=file`: those of drawn masks to the bit, with or without a target."""

import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from kits.factories import make_site
from kits.own_masks import (
    COLUMNS,
    CPU,
    LINES,
    ROWS,
    SIZE,
    assert_same,
    batches,
    open_own,
    place,
)
from kits.raw_files import header, plain_kspace, raw_kspace, write_kspace, write_raw

from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.masks import Equispaced, Gaussian2D, Mask, Random
from flmrcm.mri.normalisation import denormalise

REAL = Path(__file__).parents[3] / "shared" / "data" / "kdata_8ch.mat"


@pytest.mark.parametrize("mask", [Random((4,)), Gaussian2D((4,))])
@pytest.mark.parametrize("zeroed", [True, False])
@pytest.mark.parametrize("split", ["test", "val"])
def test_a_stored_mask_gives_the_batch_that_drawing_it_gives(
    tmp_path: Path, mask: Mask, zeroed: bool, split: str
) -> None:
    path = write_kspace(place(tmp_path, split), plain_kspace(SIZE))
    drawn = batches(make_site(tmp_path / "here", mask, needs_kspace=True), split)
    own, center = (
        drawn[0].mask[0, 0].numpy(),
        int(drawn[0].center[0, 1]),
    )
    with h5py.File(path, "a") as file:
        file["mask"] = own[0] if len(own) == 1 else own
        file.attrs["num_low_frequency"] = center
        if zeroed:
            file["kspace"][...] *= own
    assert_same(batches(open_own(tmp_path / "here"), split), drawn)


def test_the_zero_filled_image_is_that_of_what_was_measured(tmp_path: Path) -> None:
    kspace = plain_kspace(SIZE) * LINES
    write_kspace(place(tmp_path), kspace, target=False, mask=LINES)
    (batch,) = batches(open_own(tmp_path / "here"))
    expected = ifft2c(torch.from_numpy(kspace.astype(np.complex64))).abs()
    image = denormalise(batch.image, batch.mean, batch.std)[:, 0]
    inside = batch.image[:, 0].abs() < 6
    assert torch.allclose(image[inside], expected[inside], atol=1e-5)
    assert torch.equal(batch.kspace[:, 0], torch.from_numpy(kspace.astype(np.complex64)))
    assert float(batch.measured_share) == pytest.approx(13 / 32)
    assert batch.target is None


def test_of_a_fully_sampled_file_everything_is_measured(tmp_path: Path) -> None:
    write_kspace(place(tmp_path), plain_kspace(SIZE))
    (batch,) = batches(open_own(tmp_path / "here"))
    assert batch.mask.all()
    assert batch.center.tolist() == [[ROWS, COLUMNS]] * 2
    inside = batch.image.abs() < 6
    assert torch.allclose(batch.image[inside], batch.target[inside], atol=1e-4)
    assert float(batch.measured_share) == 1


def test_training_sees_the_same_mask_in_every_epoch(tmp_path: Path) -> None:
    write_kspace(place(tmp_path, "train"), plain_kspace(SIZE) * LINES, mask=LINES)
    site = open_own(tmp_path / "here")
    loader = site.train_dataloader()
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        (raw,) = loader
        mask = site.prepare_batch(raw, CPU).mask
        assert torch.equal(mask, torch.from_numpy(LINES != 0).expand(2, 1, 1, COLUMNS))


@pytest.mark.parametrize("loading", [{"workers": 1}, {"cache": "ram"}])
def test_workers_and_cache_change_nothing(tmp_path: Path, loading: dict[str, Any]) -> None:
    write_kspace(place(tmp_path), plain_kspace(SIZE) * LINES, target=False, mask=LINES)
    plain = batches(open_own(tmp_path / "here"))
    assert_same(batches(open_own(tmp_path / "here", **loading)), plain)


def test_one_batch_holds_masks_of_columns_and_of_the_plane(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).random(SIZE) < 0.5
    for name, mask in (("a.h5", LINES), ("b.h5", plane)):
        write_kspace(place(tmp_path, name=name), plain_kspace(SIZE, 1) * mask, mask=mask)
    (batch,) = batches(open_own(tmp_path / "here"))
    expected = np.stack([np.broadcast_to(LINES != 0, SIZE), plane])
    assert np.array_equal(batch.mask[:, 0].numpy(), expected)


def test_volumes_with_and_without_target_share_no_batch(tmp_path: Path) -> None:
    for name, target in (("a.h5", True), ("b.h5", False), ("c.h5", True)):
        write_kspace(place(tmp_path, name=name), plain_kspace(SIZE, 1) * LINES, target=target)
    found = batches(open_own(tmp_path / "here", batch_size=4, needs_peak=True))
    assert [batch.target is None for batch in found] == [False, True, False]
    assert [batch.peak is None for batch in found] == [False, True, False]


def test_padding_is_never_measured_and_counts_as_not_acquired(tmp_path: Path) -> None:
    kspace = plain_kspace(SIZE) * LINES
    kspace[..., :6] = kspace[..., 26:] = 0
    told = {"padding_left": 6, "padding_right": 26}
    write_kspace(place(tmp_path), kspace, target=False, mask=LINES, **told)
    (batch,) = batches(open_own(tmp_path / "here"))
    assert not batch.mask[..., :6].any()
    assert not batch.mask[..., 26:].any()
    assert batch.n_acquired.tolist() == [20, 20]


def test_a_column_that_was_not_measured_is_no_padding(tmp_path: Path) -> None:
    """The outermost columns are left out by the mask; 32 columns were to be acquired."""
    lines = LINES.copy()
    lines[:4] = 0
    write_kspace(place(tmp_path), plain_kspace(SIZE) * lines, target=False)
    (batch,) = batches(open_own(tmp_path / "here"))
    assert batch.n_acquired is None
    assert float(batch.measured_share) == pytest.approx(12 / 32)


def test_the_centre_holds_no_padding(tmp_path: Path) -> None:
    kspace = plain_kspace(SIZE)
    kspace[..., :6] = kspace[..., 26:] = 0
    told = {"padding_left": 6, "padding_right": 26}
    write_kspace(place(tmp_path), kspace, mask=np.ones(COLUMNS), **told)
    (batch,) = batches(open_own(tmp_path / "here"))
    assert batch.center.tolist() == [[ROWS, 20]] * 2


def challenge(root: Path, xml: str | None = None, name: str = "file_brain_AXT1_200_1") -> Path:
    """Write a file as fastMRI's challenges hold them: k-space and mask, no target."""
    mask = np.zeros(COLUMNS, bool)
    mask[12:20] = mask[::3] = True
    folder = place(root).parent
    path = write_raw(folder, name, raw_kspace() * mask, xml or header())
    with h5py.File(path, "a") as file:
        del file["reconstruction_rss"]
        file["mask"] = mask
        file.attrs.update(num_low_frequency=0, acceleration=4)
    return path


def test_without_a_target_the_image_has_the_size_that_fastmris_loader_gives_it(
    tmp_path: Path,
) -> None:
    """The header's reconstruction matrix: x along the readout, the rows, y along the columns."""
    xml = header().replace(
        "<reconSpace>\n      <matrixSize><x>32</x><y>32</y>",
        "<reconSpace>\n      <matrixSize><x>24</x><y>20</y>",
    )
    challenge(tmp_path, xml)
    site = open_own(tmp_path / "here")
    assert site.list_image_sizes("test") == {(24, 20)}
    (batch,) = batches(site)
    assert batch.image.shape == (2, 1, 24, 20)
    assert batch.kspace.shape[-2:] == (64, COLUMNS)
    assert batch.center.tolist() == [[64, 8]] * 2


def test_without_a_header_the_image_is_as_large_as_the_kspace(tmp_path: Path) -> None:
    write_kspace(place(tmp_path), plain_kspace(SIZE) * LINES, target=False)
    assert open_own(tmp_path / "here").list_image_sizes("test") == {SIZE}


def test_samples_outside_the_mask_are_named_and_not_used(tmp_path: Path, caplog) -> None:
    write_kspace(place(tmp_path), plain_kspace(SIZE), mask=LINES)
    with caplog.at_level(logging.WARNING):
        (batch,) = batches(open_own(tmp_path / "here"))
    assert "1 files of split 'test' hold samples outside their own masks" in caplog.text
    assert not batch.kspace[..., LINES == 0].any()


def test_the_fingerprint_follows_the_masks_in_every_split(tmp_path: Path) -> None:
    def take(root: Path, split: str, lines: np.ndarray, stored: bool, **more: Any) -> str:
        own = {"mask": lines} if stored else {}
        write_kspace(place(root, split), plain_kspace(SIZE) * lines, **own, **more)
        return open_own(root / "here").fingerprint()

    other = np.roll(LINES, 4)
    other[13:19] = 1
    for split in ("train", "val", "test"):
        for stored in (True, False):
            root = tmp_path / f"{split}{stored}"
            one, again, two = (take(root, split, lines, stored) for lines in (LINES, LINES, other))
            assert one == again != two
    root = tmp_path / "center"
    assert take(root, "val", LINES, True) != take(root, "val", LINES, True, num_low_frequency=4)


@pytest.mark.skipif(not REAL.exists(), reason="no ../shared/data")
@pytest.mark.parametrize("mask", [Equispaced((4,)), Gaussian2D((4,))])
@pytest.mark.parametrize("stored", [True, False])
def test_a_real_scan_of_eight_coils_is_zero_filled_by_its_own_sampling(
    tmp_path: Path, mask: Mask, stored: bool
) -> None:
    full = scipy.io.loadmat(REAL)["full_kspace_data"].transpose(2, 0, 1).astype(np.complex64)
    sampled, center = mask(full.shape[1:], 1)
    more = {"mask": sampled.numpy()} if stored else {}
    write_kspace(place(tmp_path), (full * sampled.numpy())[None], target=False, **more)
    (batch,) = batches(open_own(tmp_path / "here"))
    assert torch.equal(batch.mask[0, 0], sampled)
    assert batch.center[0, 1] >= center[1]
    image = denormalise(batch.image, batch.mean, batch.std)[0, 0]
    target = rss(ifft2c(torch.from_numpy(full)[None]))[0]
    error = (image - target)[batch.image[0, 0].abs() < 6].square().mean().sqrt()
    assert 24 < float(20 * torch.log10(target.max() / error)) < 36
