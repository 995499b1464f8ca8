"""A split's slices as whole batches."""

from pathlib import Path

import pytest
import torch
from kits.factories import write_scan

from flmrcm.data.h5 import Volume, read_slice
from flmrcm.data.order import BatchIndices
from flmrcm.data.slices import RawBatch, Slices

Examples = list[tuple[Volume, int]]


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    one, two = (write_scan(tmp_path / f"{name}.h5", coils=2) for name in "ab")
    return [(one, 0), (one, 2), (two, 1)]


def same(one: RawBatch, two: RawBatch) -> bool:
    images = torch.equal(one.kspace, two.kspace) and torch.equal(one.target, two.target)
    return images and one.volume == two.volume and torch.equal(one.slice, two.slice)


def test_an_item_is_the_batch_that_was_picked(examples: Examples) -> None:
    raw = Slices(examples)[BatchIndices([2, 0], 7)]
    assert (raw.volume, raw.site, raw.epoch) == (["b", "a"], ["here", "here"], 7)
    assert raw.slice.tolist() == [1, 0]
    assert raw.kspace.shape == (2, 2, 16, 16)
    assert raw.kspace.dtype == torch.complex64
    for row, example in enumerate((examples[2], examples[0])):
        kspace, target = read_slice(*example)
        assert torch.equal(raw.kspace[row], torch.from_numpy(kspace))
        assert torch.equal(raw.target[row], torch.from_numpy(target))


def test_memory_changes_nothing(examples: Examples) -> None:
    kept = Slices(examples, in_memory=True).load()
    assert same(kept[BatchIndices([1, 2], None)], Slices(examples)[BatchIndices([1, 2], None)])


def test_memory_needs_the_disk_no_more(examples: Examples) -> None:
    kept = Slices(examples, in_memory=True).load()
    for volume, _ in examples:
        volume.path.unlink(missing_ok=True)
    assert kept.load()[BatchIndices([0], None)].volume == ["a"]


def test_memory_is_counted_before_it_is_taken(examples: Examples) -> None:
    raw = Slices(examples)[BatchIndices([0, 1, 2], None)]
    assert Slices(examples).n_bytes == raw.kspace.nbytes + raw.target.nbytes


def test_sizes_tell_kspace_and_target_apart(tmp_path: Path) -> None:
    small = write_scan(tmp_path / "small.h5", target=(12, 12))
    large = write_scan(tmp_path / "large.h5", size=(16, 20), target=(12, 12))
    full = write_scan(tmp_path / "full.h5")
    slices = Slices([(small, 0), (large, 0), (full, 0), (small, 1)])
    assert slices.sizes[0] == slices.sizes[3]
    assert len(set(slices.sizes)) == 3
    assert len(slices) == 4
