"""The MNI152 image as a site: one real test volume."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from flmrcm.data.h5 import read_header, read_slice
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.mri.fourier import ifft2c
from flmrcm.simulation.mni152 import FIELD_MM, Mni152


def test_it_is_one_test_volume_of_a_real_magnitude(tmp_path: Path) -> None:
    site = Mni152(tmp_path, size=32, slices=3)
    files = list(site.ensure("T1").rglob("*.h5"))
    assert files == [site.locate() / "T1" / "test" / "mni152.h5"]
    volume = read_header(files[0], site.name)
    assert volume.shape == (3, 1, 32, 32)
    for index in range(3):
        kspace, target = read_slice(volume, index)
        image = ifft2c(torch.from_numpy(kspace[0]))
        assert_allclose(image.imag, 0, atol=1e-6)
        assert_allclose(image.abs(), target, atol=1e-6)
        assert (target > 0.1 * target.max()).mean() > 0.2, "every slice shows brain"
    with h5py.File(files[0]) as file:
        assert file.attrs["kspace_origin"] == "magnitude"


def test_the_brain_is_in_the_middle_of_the_picture_with_the_forehead_up(tmp_path: Path) -> None:
    site = Mni152(tmp_path, size=FIELD_MM, slices=8)
    volume = read_header(site.ensure("T1") / "T1" / "test" / "mni152.h5", site.name)
    brain = np.stack([read_slice(volume, index)[1] for index in range(8)]).max(0)
    brain = brain > 0.1 * brain.max()
    for axis in (0, 1):
        first, *_, last = np.flatnonzero(brain.any(axis))
        assert abs(first - (FIELD_MM - 1 - last)) <= 4  # mm
    widths = brain.sum(1)[brain.any(1)]
    assert widths[len(widths) // 5] < widths[-len(widths) // 5]  # frontal and parietal lobes


def test_there_is_no_t2(tmp_path: Path) -> None:
    with pytest.raises(DataLayoutError, match="there is no T2"):
        Mni152(tmp_path).ensure("T2")


def test_an_impossible_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"data\.simulated\.size: .*got 8") as caught:
        Mni152(tmp_path, size=8, slices=0)
    assert len(caught.value.problems) == 2
