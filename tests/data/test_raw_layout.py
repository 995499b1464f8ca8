"""Files of fastMRI are a site just as they were downloaded, without any preparation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kits.factories import make_source
from kits.raw_files import raw_kspace, write_raw
from numpy.testing import assert_allclose

from flmrcm.data.h5 import read_header, read_slice
from flmrcm.data.site import Loading, Site
from flmrcm.data.source import Source
from flmrcm.data.transforms import prepare_images
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.mri.acquisition import Cartesian
from flmrcm.mri.normalisation import denormalise

FILES = "multicoil_{split}/file_brain_AX{contrast}_*.h5"


@pytest.fixture
def downloaded(tmp_path: Path) -> Path:
    for split, scans in {"train": (1, 2), "val": (3,)}.items():
        for scan in scans:
            write_raw(tmp_path / f"multicoil_{split}", f"file_brain_AXT1_200_{scan}")
            write_raw(tmp_path / f"multicoil_{split}", f"file_brain_AXT1POST_200_{scan}")
            write_raw(tmp_path / f"multicoil_{split}", f"file_brain_AXT2_200_{scan}")
    return tmp_path


def raw_source(root: Path, **options) -> Source:
    return make_source(root, files=FILES, coils="multi", **options)


def test_a_pattern_finds_splits_and_contrasts_in_the_names(downloaded: Path) -> None:
    names = [volume.name for volume in raw_source(downloaded).list_volumes("train")]
    assert names == ["file_brain_AXT1_200_1", "file_brain_AXT1_200_2"]
    assert raw_source(downloaded).has("val")
    assert not raw_source(downloaded).has("test")
    assert len(raw_source(downloaded, contrast="T2").list_volumes("val")) == 1


def test_the_oversampled_kspace_and_its_smaller_target_go_together(downloaded: Path) -> None:
    volume = read_header(downloaded / "multicoil_val" / "file_brain_AXT1_200_3.h5", "here")
    assert (volume.shape, volume.target_shape) == ((2, 4, 64, 32), (32, 32))
    kspace, target = read_slice(volume, 1)
    assert target is not None
    pair = torch.from_numpy(kspace)[None], torch.from_numpy(target)[None]
    full = Cartesian(torch.ones(1, 1, 1, 32, dtype=torch.bool))
    seen = prepare_images(pair[0], full, pair[1], 320, clamp_target=False)
    image = denormalise(seen.target, seen.mean, seen.std)
    assert_allclose(image[0, 0], target, rtol=1e-4, atol=1e-5)
    inside = seen.image.abs() < 6
    assert_allclose(seen.image[inside], seen.target[inside], atol=1e-4)


def test_a_site_makes_batches_of_them(downloaded: Path) -> None:
    site = Site("fastmri", [raw_source(downloaded)], Loading(batch_size=2, resolution=24))
    batch = site.prepare_batch(next(iter(site.train_dataloader())), torch.device("cpu"))
    assert batch.image.shape == batch.target.shape == (2, 1, 24, 24)


def test_files_with_nan_are_left_out_when_asked_for(downloaded: Path) -> None:
    kspace = raw_kspace()
    kspace[1] = np.nan
    write_raw(downloaded / "multicoil_train", "file_brain_AXT1_200_1", kspace)
    names = [v.name for v in raw_source(downloaded, skip_broken=True).list_volumes("train")]
    assert names == ["file_brain_AXT1_200_2"]


def test_the_error_shows_the_pattern_that_no_file_matches(downloaded: Path) -> None:
    with pytest.raises(DataLayoutError, match=r"<root>/multicoil_<split>/file_brain_AX<contrast>_"):
        raw_source(downloaded).list_volumes("test")


@pytest.mark.parametrize("files", ["{contrast}/*.h5", "{splt}/*.h5", "{split}/{contrast", "*.h5"])
def test_a_pattern_must_tell_the_splits_apart(downloaded: Path, files: str) -> None:
    with pytest.raises(ConfigErrors, match=r"files: give a pattern like \{contrast\}/\{split\}"):
        make_source(downloaded, files=files)
