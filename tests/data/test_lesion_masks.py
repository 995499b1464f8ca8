"""A lesion's mask beside the target: it fits, or is refused; evaluation alone carries it."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from kits.factories import make_site, write_site
from numpy.testing import assert_array_equal

from flmrcm.data.h5 import read_header, write_volume
from flmrcm.data.lesion_masks import LESION_MASK
from flmrcm.data.site import Site
from flmrcm.errors import DataLayoutError
from flmrcm.types import Batch

CPU = torch.device("cpu")


def mark(path: Path, mask: Any = None) -> np.ndarray:
    """Add a mask to a file; a small lesion in the second slice when None."""
    with h5py.File(path, "a") as file:
        if mask is None:
            mask = np.zeros(file["reconstruction_esc"].shape, np.uint8)
            mask[1, 5:9, 6:8] = 3
        file[LESION_MASK] = mask
    return np.asarray(mask)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_site(tmp_path / "here", {"train": (2,), "test": (3, 2)})


@pytest.fixture
def path(root: Path) -> Path:
    return root / "T1/test/test_0.h5"


def batches(site: Site, split: str) -> list[Batch]:
    return [site.prepare_batch(raw, CPU) for raw in site.dataloader(split)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    image = np.ones((2, 8, 8), np.float32)
    lesion = np.zeros(image.shape, bool)
    lesion[1, 3, 4] = True
    for name, own in (("ill", lesion), ("well", None)):
        write_volume(tmp_path / f"{name}.h5", image.astype(np.complex64), image, {}, own)
    assert read_header(tmp_path / "ill.h5", "here").has_lesion
    assert not read_header(tmp_path / "well.h5", "here").has_lesion


def test_a_batch_shows_every_label_inside_and_nothing_where_the_file_says_nothing(
    root: Path, path: Path
) -> None:
    mask = mark(path)
    lesions = [batch.lesion for batch in batches(make_site(root, batch_size=5), "test")]
    assert len(lesions) == 1
    assert lesions[0] is not None
    assert lesions[0].dtype == torch.bool
    assert_array_equal(lesions[0][:3, 0], mask > 0)
    assert not lesions[0][3:].any()


def test_training_and_files_without_any_carry_none(root: Path, path: Path) -> None:
    assert all(batch.lesion is None for batch in batches(make_site(root), "test"))
    mark(root / "T1/train/train_0.h5")
    site = make_site(root)
    raw = next(iter(site.train_dataloader()))
    assert raw.lesion is None
    assert site.prepare_batch(raw, CPU).lesion is None


def test_it_is_cropped_as_the_target_is(root: Path, path: Path) -> None:
    marked = mark(path)
    batch = batches(make_site(root, resolution=12), "test")[0]
    assert batch.lesion is not None
    assert batch.target is not None
    assert batch.lesion.shape == batch.target.shape
    assert_array_equal(batch.lesion[:, 0], marked[:2, 2:14, 2:14] > 0)


def test_it_is_turned_as_the_target_is(root: Path, path: Path) -> None:
    marked = mark(path)
    with h5py.File(path, "a") as file:
        file.attrs["phase_encoding"] = "rows"
    batch = batches(make_site(root, batch_size=3), "test")[0]
    assert batch.lesion is not None
    assert_array_equal(batch.lesion[:, 0], marked.swapaxes(1, 2) > 0)


@pytest.mark.parametrize(
    "mask",
    [np.zeros((3, 16, 17), int), np.zeros((2, 16, 16), int), np.zeros((3, 16, 16)), np.zeros(3)],
    ids=["wider", "of fewer slices", "no whole numbers", "flat"],
)
def test_one_that_does_not_fit_its_target_is_refused(root: Path, path: Path, mask: Any) -> None:
    mark(path, mask)
    with pytest.raises(DataLayoutError, match=r"test_0.h5: 'lesion_mask' is .*\(3, 16, 16\)"):
        make_site(root).slices("test")


def test_one_without_surroundings_is_refused(root: Path, path: Path) -> None:
    mark(path, np.ones((3, 16, 16), bool))
    with pytest.raises(DataLayoutError, match="every pixel of slice 0"):
        batches(make_site(root), "test")
