"""Zeros that stand for nothing measured are told apart from measured values."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import make_site, make_source
from kits.raw_files import MEASURED, plain_kspace, raw_kspace, write_kspace, write_raw
from numpy.testing import assert_allclose

from flmrcm.data.h5 import read_header
from flmrcm.data.stored_sampling import StoredSampling, read_stored_sampling
from flmrcm.errors import DataLayoutError
from flmrcm.federation.local_training import TrainingMetrics
from flmrcm.mri.masks import Random

CPU = torch.device("cpu")
LINES = np.zeros(32, np.float32)
LINES[14:18] = LINES[::4] = 1
"""The sampled columns of an undersampled file: 11 of 32, 18 missing up to the last of them."""


def read(path: Path, **options: Any) -> StoredSampling:
    return read_stored_sampling(read_header(path, "here", **options))


def padded(first: int = 6, end: int = 26) -> np.ndarray:
    kspace = plain_kspace()
    kspace[..., :first] = kspace[..., end:] = 0
    return kspace


def refusal(path: Path, split: str = "train") -> str:
    """Return the line by which the site of a file `…/T1/SPLIT/NAME.h5` is refused."""
    with pytest.raises(DataLayoutError) as caught:
        make_source(path.parents[2]).list_volumes(split)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def test_full_kspace_is_called_fully_sampled(tmp_path: Path) -> None:
    sampling = read(write_kspace(tmp_path / "v.h5", plain_kspace()))
    assert (sampling.acquired, sampling.undersampling) == ((0, 32), "")


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_columns_of_zeros_are_named_and_refused_in_every_split(tmp_path: Path, split: str) -> None:
    path = write_kspace(tmp_path / "here" / "T1" / split / "v.h5", plain_kspace() * LINES)
    assert "undersampled k-space (18 columns of zeros between acquired ones)" in refusal(
        path, split
    )
    assert "remove 'mask'" not in refusal(path, split)


def test_a_mask_in_the_file_is_named_and_refused_whatever_the_kspace(tmp_path: Path) -> None:
    path = write_kspace(tmp_path / "here/T1/train/v.h5", plain_kspace(), mask=np.ones(32))
    assert "undersampled k-space (a data set 'mask')" in refusal(path)
    assert "remove 'mask' from it if that is wrong, or take" in refusal(path)


def test_rows_of_zeros_are_named_too(tmp_path: Path) -> None:
    kspace = plain_kspace((32, 16)) * LINES[:, None]
    path = write_kspace(tmp_path / "v.h5", kspace)
    assert read(path).undersampling == "18 rows of zeros between acquired ones"
    assert "18 columns" in read(path, phase_encoding="rows").undersampling


def test_broken_files_may_be_left_out_and_so_may_these(tmp_path: Path, caplog) -> None:
    folder = tmp_path / "here" / "T1" / "train"
    write_kspace(folder / "bad.h5", plain_kspace() * LINES)
    write_kspace(folder / "good.h5", plain_kspace())
    source = make_source(tmp_path / "here", skip_broken=True)
    assert [volume.name for volume in source.list_volumes("train")] == ["good"]
    assert "bad.h5: undersampled" in caplog.text


def test_a_black_slice_says_nothing(tmp_path: Path) -> None:
    kspace = plain_kspace(slices=3) * LINES
    kspace[1] = 0
    assert "18 columns" in read(write_kspace(tmp_path / "v.h5", kspace)).undersampling
    assert read(write_kspace(tmp_path / "b.h5", 0 * kspace)).undersampling == ""


def test_a_coil_that_is_switched_off_says_nothing(tmp_path: Path) -> None:
    coils = np.stack([0 * padded(), padded(), padded()], 1)
    assert read(write_kspace(tmp_path / "v.h5", coils)).acquired == (6, 26)
    gaps = np.stack([0 * padded(), plain_kspace() * LINES], 1)
    assert "18 columns" in read(write_kspace(tmp_path / "w.h5", gaps)).undersampling
    gaps[1] = 0
    assert "18 columns" in read(write_kspace(tmp_path / "x.h5", gaps)).undersampling


def test_the_zeros_tell_the_padding(tmp_path: Path) -> None:
    sampling = read(write_kspace(tmp_path / "v.h5", padded()))
    assert (sampling.acquired, sampling.n_acquired) == ((6, 26), 20)
    assert sampling.undersampling == "", "padded is not undersampled"


def test_the_attributes_tell_the_padding(tmp_path: Path) -> None:
    told = {"padding_left": 6, "padding_right": 26}
    path = write_kspace(tmp_path / "v.h5", plain_kspace(), **told)
    assert read(path).acquired == (6, 26)
    told = {"padding_left": 4, "padding_right": 26}
    assert read(write_kspace(tmp_path / "w.h5", padded(), **told)).acquired == (6, 26)


def test_the_header_tells_the_padding(tmp_path: Path) -> None:
    noisy = raw_kspace(slice(0, 32))
    assert read(write_raw(tmp_path, kspace=noisy)).acquired == (MEASURED.start, MEASURED.stop)


@pytest.mark.parametrize(
    "told",
    [
        {"padding_left": 20, "padding_right": 10},
        {"padding_left": -1, "padding_right": 50},
        {"padding_left": "six", "padding_right": 26},
        {"padding_left": [6, 6], "padding_right": 26},
        {"padding_left": 6},
        {"ismrmrd_header": np.array(b"<no")},
    ],
)
def test_what_cannot_be_is_not_believed(tmp_path: Path, told: dict[str, Any]) -> None:
    assert read(write_kspace(tmp_path / "v.h5", plain_kspace(), **told)).acquired == (0, 32)


def make_batch(root: Path, n: int = 4):
    site = make_site(root, Random((4,)), batch_size=n)
    return site.prepare_batch(next(iter(site.train_dataloader())), CPU)


def test_the_acceleration_counts_acquired_columns(tmp_path: Path) -> None:
    """8 of 32 columns are measured, but only those among the 20 acquired ones count."""
    write_kspace(tmp_path / "padded" / "T1" / "train" / "v.h5", padded())
    batch = make_batch(tmp_path / "padded")
    mask = batch.mask[:, 0, 0]
    assert not mask[:, :6].any()
    assert not mask[:, 26:].any()
    record = TrainingMetrics(lambda *_: None)
    record.add(batch, torch.tensor(1.0), torch.tensor(1.0))
    expected = 20 * len(mask) / int(mask.sum())
    assert record.compute()["acceleration"] == pytest.approx(expected)
    assert expected < 4


def test_the_mask_outside_the_padding_and_the_image_stay_as_they_were(tmp_path: Path) -> None:
    write_kspace(tmp_path / "here" / "T1" / "train" / "v.h5", padded())
    site = make_site(tmp_path / "here")
    raw = next(iter(site.train_dataloader()))
    marked, plain = (
        site.prepare_batch(raw._replace(acquired=known), CPU) for known in (raw.acquired, None)
    )
    assert_allclose(marked.image, plain.image, atol=1e-6)
    assert torch.equal(marked.mask[..., 6:26], plain.mask[..., 6:26])
    assert plain.n_acquired is None
    assert plain.measured_share == plain.mask.float().mean()


def write_challenge(folder: Path, name: str) -> Path:
    return write_kspace(folder / name, plain_kspace() * LINES, target=False, mask=LINES)


def test_scans_to_be_reconstructed_do_not_block_the_others(tmp_path: Path, caplog) -> None:
    test = tmp_path / "here" / "T1" / "test"
    write_challenge(test, "a.h5")
    source = make_source(tmp_path / "here")
    assert not source.has("test"), "there is nothing to score against"
    with pytest.raises(DataLayoutError, match="test holds no files with targets"):
        source.list_volumes("test")
    write_kspace(test / "b.h5", plain_kspace())
    with caplog.at_level(logging.WARNING):
        assert [volume.name for volume in source.list_volumes("test")] == ["b"]
    assert "site here: 1 files of split 'test' hold a mask and no target" in caplog.text


def test_scans_to_be_reconstructed_are_refused_for_training(tmp_path: Path) -> None:
    path = write_challenge(tmp_path / "here" / "T1" / "train", "a.h5")
    assert make_source(tmp_path / "here").has("train")
    assert "undersampled k-space (a data set 'mask' and 18 columns" in refusal(path)


def test_a_target_that_was_forgotten_is_an_error_in_every_split(tmp_path: Path) -> None:
    path = write_kspace(tmp_path / "here" / "T1" / "test" / "v.h5", plain_kspace(), target=False)
    assert "holds no target" in refusal(path, "test")
