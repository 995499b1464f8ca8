"""Files with a sampling of their own, and the site that reads them."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from kits.factories import make_site, make_source
from torch import Tensor

from flmrcm.data.h5 import Volume
from flmrcm.data.own_sampling import read_own_sampling
from flmrcm.data.site import Site
from flmrcm.mri.masks import FileMask, Sampling
from flmrcm.types import Batch

CPU = torch.device("cpu")
SIZE = ROWS, COLUMNS = 16, 32
LINES = np.zeros(COLUMNS, np.float32)
LINES[13:19] = LINES[::4] = 1
"""Every fourth column and six in the middle: 13 of 32, those of the centre from 13 to 18."""


def place(root: Path, split: str = "test", name: str = "v.h5") -> Path:
    return root / "here" / "T1" / split / name


def open_own(root: Path, **loading: Any) -> Site:
    return make_site(root, FileMask(), **({"needs_kspace": True} | loading))


def adopt(path: Path, **options: Any) -> Volume:
    source = make_source(path.parents[2], mask=FileMask(), **options)
    return source.list_volumes(path.parent.name)[0]


def sampling(path: Path, index: int = 0, **options: Any) -> Sampling:
    volume = adopt(path, **options)
    with h5py.File(path) as file:
        kspace = volume.turn(file["kspace"][index]).reshape(volume.shape[1:])
    return read_own_sampling(volume, index, kspace)


def batches(site: Site, split: str = "test") -> list[Batch]:
    return [site.prepare_batch(raw, CPU) for raw in site.dataloader(split)]


def assert_same(ones: list[Batch], twos: list[Batch]) -> None:
    """Equal bits in every field of every batch."""
    for one, two in zip(ones, twos, strict=True):
        for name, a, b in zip(Batch._fields, one, two, strict=True):
            assert torch.equal(a, b) if isinstance(a, Tensor) else a == b, name
