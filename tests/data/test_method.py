"""From file to batch, against the method's steps written down in numpy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import make_site, write_site

from flmrcm.data.h5 import read_header, read_slice
from flmrcm.mri.masks import Random
from flmrcm.seeding import seed_for


def by_hand(kspace: np.ndarray, mask: np.ndarray, target: np.ndarray, size: int) -> list[Any]:
    """The method's five steps, in double precision, for one slice."""
    shifted = np.fft.ifftshift(kspace * mask, axes=(-2, -1))
    image = np.fft.fftshift(np.fft.ifft2(shifted, norm="ortho"), axes=(-2, -1))
    image = np.sqrt((np.abs(image) ** 2).sum(0))
    tops = [(length - size) // 2 for length in (*image.shape, *target.shape)]
    image = image[tops[0] : tops[0] + size, tops[1] : tops[1] + size]
    target = target[tops[2] : tops[2] + size, tops[3] : tops[3] + size]
    mean, std = image.mean(), image.std(ddof=1)
    image, target = ((x - mean) / (std + 1e-11) for x in (image, target))
    return [np.clip(image, -6, 6), np.clip(target, -6, 6), mean, std]


@pytest.mark.parametrize("coils", [1, 3])
def test_a_batch_is_the_methods_word_for_word(tmp_path: Path, coils: int) -> None:
    root = write_site(tmp_path / "here", size=(16, 20), coils=coils)
    mask = Random((3,), seed=5)
    site = make_site(root, mask, resolution=12, clamp_target=True, needs_kspace=True)
    batches = [site.prepare_batch(raw, torch.device("cpu")) for raw in site.dataloader("val")]
    volume = read_header(root / "T1" / "val" / "val_0.h5", "here")
    columns = mask((24, 20), seed_for("mask", 5, "here", "val_0")).mask[0].numpy()
    slices = [(batch, row) for batch in batches for row in range(len(batch.volume))]
    assert len(slices) == 3
    for index, (batch, row) in enumerate(slices):
        kspace, target = read_slice(volume, index)
        expected = by_hand(kspace, columns, target, 12)
        found = (batch.image[row, 0], batch.target[row, 0], batch.mean[row], batch.std[row])
        for theirs, ours in zip(expected, found, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs, rtol=2e-4, atol=2e-4)
        assert (batch.volume[row], int(batch.slice[row])) == ("here/val_0", index)
        np.testing.assert_array_equal(batch.mask[row, 0, 0].numpy(), columns)
        np.testing.assert_array_equal(batch.kspace[row].numpy(), kspace * columns)
