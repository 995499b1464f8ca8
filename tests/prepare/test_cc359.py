"""CC359's raw data, on stand-ins in its layout."""

import h5py
import numpy as np
import pytest
from kits.public_layouts import phantom, write_cc359
from kits.raw_files import write_raw

from flmrcm.data.stored_sampling import find_acquired
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.cc359 import Cc359Source
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import UnusableVolume


def read(folder, **options):
    source = Cc359Source(str(folder), **options)
    (volume,) = source.find()
    return source.read(volume)


def similarity(image, other):
    return np.corrcoef(np.abs(image).ravel(), np.abs(other).ravel())[0, 1]


def test_the_image_is_that_of_the_published_reconstruction(tmp_path):
    """Its authors take the plain inverse transform and the root sum of squares."""
    path = write_cc359(tmp_path)
    with h5py.File(path) as file:
        stored = file["kspace"][()]
    stored[:, :, 17:] = 0  # 85 % of 20 columns were acquired
    coils = np.fft.ifft2(stored[..., ::2] + 1j * stored[..., 1::2], axes=(1, 2), norm="ortho")
    published = np.sqrt((np.abs(coils) ** 2).sum(-1))
    np.testing.assert_allclose(read(tmp_path, coils="rss").image, published, atol=1e-5)


def test_the_head_is_upright_and_centred(tmp_path):
    write_cc359(tmp_path)
    image, head = read(tmp_path).image, phantom(8, (28, 20))
    right = similarity(image, head)
    assert right > 0.97
    wrong = (head[:, ::-1], head[..., ::-1], np.roll(head, 2, -1), np.roll(head, (14, 10), (1, 2)))
    assert all(similarity(image, other) < right - 0.02 for other in wrong)


def test_what_is_known_and_what_isnt(tmp_path):
    write_cc359(tmp_path)
    scan = read(tmp_path)
    assert (scan.voxel_mm, scan.orientation) == ((1.0, 1.0, 1.0), "???")
    assert scan.native_shape == (8, 3, 28, 20)
    assert scan.kspace_origin == "measured"
    assert read(tmp_path, coils="rss").kspace_origin == "magnitude"


@pytest.mark.parametrize(("size", "acquired"), [(None, (0, 17)), ([28, 40], (0, 33))])
@pytest.mark.parametrize("coils", ["combine", "keep"])
def test_only_acquired_columns_count(tmp_path, coils, size, acquired):
    write_cc359(tmp_path)
    written = PreparationRecipe(size=size).apply(read(tmp_path, coils=coils)).encoded.kspace
    columns, missing = find_acquired(written.any(tuple(range(written.ndim - 1))))
    assert (columns, missing) == (acquired, 0)


def test_empty_slices_at_the_ends_are_left_out(tmp_path):
    write_cc359(tmp_path)
    assert PreparationRecipe().apply(read(tmp_path)).slices == range(1, 7)


def test_two_series_of_an_exam_are_one_subject(tmp_path):
    for name in ("e1s3_P1.7", "e1s4_P2.7", "e2s3_P3.7", "mine"):
        write_cc359(tmp_path, name)
    volumes = list(Cc359Source(str(tmp_path)).find())
    assert [(v.subject, v.contrast, v.scan) for v in volumes] == [
        ("e1", "T1", "s3_P1.7"),
        ("e1", "T1", "s4_P2.7"),
        ("e2", "T1", "s3_P3.7"),
        ("mine", "T1", ""),
    ]


def test_what_isnt_a_raw_file_of_cc359_is_told_before_anything_is_read(tmp_path):
    write_raw(tmp_path, "a_fastmri_file")
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    problems = [str(item) for item in Cc359Source(str(tmp_path)).find()]
    assert "are read by source=fastmri" in problems[0]
    assert "broken.h5: not a readable HDF5 file" in problems[1]
    with pytest.raises(DataLayoutError, match="doesn't exist"):
        list(Cc359Source(str(tmp_path / "nowhere")).find())


def test_a_test_file_is_undersampled_and_a_file_with_nan_is_broken(tmp_path):
    write_cc359(tmp_path / "test", sampled=0.2)
    with pytest.raises(UnusableVolume, match="undersampled"):
        read(tmp_path / "test")
    bad = np.zeros((3, 8, 8, 4), np.float32)
    bad[2, 0, 0, 0] = np.nan
    write_cc359(tmp_path / "nan", kspace=bad)
    with pytest.raises(UnusableVolume, match="slice 2: 'kspace' holds NaN"):
        read(tmp_path / "nan")


def test_all_config_problems_come_together():
    with pytest.raises(ConfigErrors) as caught:
        Cc359Source("x", ["T2"], "combined")
    assert len(caught.value.problems) == 2
    assert "Did you mean 'combine'?" in str(caught.value)
