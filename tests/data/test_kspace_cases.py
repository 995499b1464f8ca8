"""K-space as users bring it: each file is used, or refused in words; see `make_kspace.py`."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import make_source
from kits.raw_files import write_kspace
from scipy.io import loadmat

from flmrcm.data.h5 import read_header
from flmrcm.data.site import Loading, Site
from flmrcm.data.source import Source
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import examine
from flmrcm.inspection.volume_places import find_volume_places
from flmrcm.mri.kspace_peak import measure_peak

SHARED = Path(__file__).parents[3] / "shared"
CPU = torch.device("cpu")

needs_cases = pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="no cases here")
needs_data = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="no real k-space here")

Make = Callable[[str], Source]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a site of one kind, and gives its source."""
    makers = runpy.run_path(str(SHARED / "cases" / "make_kspace.py"))

    def write(kind: str) -> Source:
        for split in ("train", "val", "test"):
            makers[kind](tmp_path / kind / "T1" / split / "v.h5", len(split))
        return make_source(tmp_path / kind)

    return write


def kinds_of(source: Source) -> set[str]:
    facts = [examine(place) for place in find_volume_places(source.folder)]
    return {suspicion.kind for found in find_suspicions(facts) for suspicion in found}


def first_batch(source: Source) -> Any:
    site = Site(source.name, [source], Loading(batch_size=4))
    return site.prepare_batch(next(iter(site.train_dataloader())), CPU)


@needs_cases
@pytest.mark.parametrize("kind", ["undersampled", "undersampled_unmarked", "challenge"])
def test_undersampled_kinds_are_named_and_not_trained_on(make: Make, kind: str) -> None:
    source = make(kind)
    assert "undersampled" in kinds_of(source)
    with pytest.raises(DataLayoutError, match="40 columns of zeros between acquired ones"):
        source.list_volumes("train")


@needs_cases
@pytest.mark.parametrize("kind", ["one_coil", "integer_target", "padded"])
def test_good_kinds_are_used(make: Make, kind: str) -> None:
    source = make(kind)
    assert kinds_of(source) == set()
    assert first_batch(source).target.shape[0] == 4


@needs_cases
def test_padded_columns_are_not_counted(make: Make) -> None:
    batch = first_batch(make("padded"))
    measured = batch.mask[..., 16:80].sum()
    assert 1 / batch.measured_share == pytest.approx(4 * 64 / float(measured))


@needs_cases
def test_a_peak_off_the_centre_is_named(make: Make) -> None:
    assert kinds_of(make("off_centre")) == {"off centre"}


@needs_data
@pytest.mark.parametrize("turned", [False, True])
def test_a_real_slice_is_as_it_should_be(tmp_path: Path, turned: bool) -> None:
    stored = loadmat(SHARED / "data" / "kdata_8ch.mat")["full_kspace_data"]
    kspace = np.ascontiguousarray(
        stored.transpose(2, 1, 0) if turned else stored.transpose(2, 0, 1)
    )
    peak = measure_peak(kspace)
    assert sorted((peak.rows, peak.columns)) == [-1, 0]
    path = write_kspace(tmp_path / "real" / "T1" / "train" / "v.h5", kspace[None])
    assert kinds_of(make_source(tmp_path / "real")) == set()
    rolled = np.roll(kspace, 4, -1)
    write_kspace(path, rolled[None])
    assert kinds_of(make_source(tmp_path / "real")) == {"off centre"}
    assert read_header(path, "").shape == (1, 8, 256, 256)
