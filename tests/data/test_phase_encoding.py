"""Phase encoding along the stored rows: everything is as in the turned file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import make_source
from kits.raw_files import plain_kspace, raw_kspace, write_kspace
from numpy.testing import assert_array_equal

from flmrcm.data.h5 import read_header, read_slice, read_targets
from flmrcm.data.site import Loading, Site
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.types import Batch

KSPACE = {"one coil": plain_kspace(), "several coils": raw_kspace()}


def turn(kspace: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(kspace.swapaxes(-2, -1))


def make_batch(root: Path, **options: Any) -> tuple[Batch, str]:
    """Return the first batch of the training split, and the site's fingerprint."""
    site = Site("here", [make_source(root, name="here", **options)], Loading(batch_size=2))
    raw = next(iter(site.train_dataloader()))
    return site.prepare_batch(raw, torch.device("cpu")), site.fingerprint()


@pytest.mark.parametrize("kind", KSPACE)
def test_a_turned_file_gives_the_same_batches(tmp_path: Path, kind: str) -> None:
    kspace = KSPACE[kind]
    write_kspace(tmp_path / "plain/T1/train/v.h5", kspace)
    write_kspace(tmp_path / "own/T1/train/v.h5", turn(kspace), phase_encoding="rows")
    write_kspace(tmp_path / "site/T1/train/v.h5", turn(kspace))
    plain, _ = make_batch(tmp_path / "plain")
    for other, _ in (
        make_batch(tmp_path / "own"),
        make_batch(tmp_path / "site", phase_encoding="rows"),
        make_batch(tmp_path / "own", phase_encoding="rows"),
    ):
        assert_array_equal(other.mask, plain.mask)
        torch.testing.assert_close(other.image, plain.image, rtol=0, atol=1e-4)
        torch.testing.assert_close(other.target, plain.target, rtol=0, atol=1e-4)


def test_headers_slices_and_targets_are_turned_alike(tmp_path: Path) -> None:
    kspace = KSPACE["one coil"]
    volume = read_header(write_kspace(tmp_path / "v.h5", turn(kspace), phase_encoding="rows"), "")
    assert (volume.shape, volume.target_shape) == ((2, 1, 16, 32), (16, 32))
    stored, target = read_slice(volume, 1)
    assert_array_equal(stored[0], kspace[1])
    assert target is not None
    assert_array_equal(read_targets(volume)[1], target)


def test_a_square_site_that_is_turned_is_another_experiment(tmp_path: Path) -> None:
    write_kspace(tmp_path / "here/T1/train/v.h5", plain_kspace((16, 16)))
    prints = {make_batch(tmp_path / "here", phase_encoding=way)[1] for way in (None, "columns")}
    assert len(prints) == 1
    assert make_batch(tmp_path / "here", phase_encoding="rows")[1] not in prints


@pytest.mark.parametrize(
    ("own", "asked", "text"),
    [
        ("columns", "rows", "its attribute says phase_encoding=columns, but the config says"),
        ("ROW", None, "its attribute phase_encoding is ROW; write columns or rows"),
        (7, None, "its attribute phase_encoding is 7; write columns or rows"),
    ],
)
def test_a_contradiction_is_one_line(tmp_path: Path, own: Any, asked: Any, text: str) -> None:
    path = write_kspace(tmp_path / "v.h5", plain_kspace(), phase_encoding=own)
    with pytest.raises(DataLayoutError) as caught:
        read_header(path, "here", phase_encoding=asked)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_key_takes_one_of_its_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"sites\.here\.phase_encoding=row: .*mean 'rows'"):
        make_source(tmp_path / "here", phase_encoding="row")
