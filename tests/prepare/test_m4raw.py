"""M4Raw, on stand-ins in its layout."""

import numpy as np
import pytest
from kits.public_layouts import M4RAW_ACQUIRED, phantom, write_m4raw
from kits.raw_files import write_kspace

from flmrcm.data.h5 import read_header, read_slice
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.m4raw import M4RawSource
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import UnusableVolume


def find(folder, **options):
    return list(M4RawSource(str(folder), **options).find())


def read(folder, **options):
    source = M4RawSource(str(folder), **options)
    (volume,) = source.find()
    return source.read(volume)


def test_the_target_is_that_of_the_file_and_its_kspace_too(tmp_path):
    path = write_m4raw(tmp_path)
    written = PreparationRecipe(foreground=0, size=None).apply(read(tmp_path, coils="keep")).encoded
    header = read_header(path, "")
    for index, (kspace, target) in enumerate(zip(*written, strict=True)):
        stored, published = read_slice(header, index)
        np.testing.assert_allclose(kspace, stored, atol=1e-5)
        np.testing.assert_allclose(target, published, atol=1e-5)
    assert not np.delete(written.kspace, np.r_[M4RAW_ACQUIRED], -1).any()


def test_the_head_is_upright_and_centred(tmp_path):
    write_m4raw(tmp_path)
    image = np.abs(read(tmp_path).image)
    assert np.corrcoef(image.ravel(), phantom(6, (32, 32)).ravel())[0, 1] > 0.97


def test_zeros_are_neither_cut_off_nor_resampled(tmp_path):
    """Square pixels of 240 mm over the stored matrix: 0.94 mm for 256 of the originals."""
    write_m4raw(tmp_path)
    scan = read(tmp_path)
    assert scan.voxel_mm == (5.0, 7.5, 7.5)
    written = PreparationRecipe(size=None).apply(scan).encoded.kspace
    assert written.shape[-2:] == (32, 32)
    assert (scan.attributes["field_strength_t"], scan.acquisition) == (0.3, "T1")


def test_a_study_is_a_subject_with_all_its_contrasts_and_repetitions(tmp_path):
    for name in ("1_T101", "1_T102", "1_T201", "1_FLAIR01", "1_FLAIR02", "2_T101"):
        write_m4raw(tmp_path / "multicoil_train", name)
    assert [(v.subject, v.contrast, v.paths[0].stem) for v in find(tmp_path)] == [
        ("1", "T1", "1_T101"),
        ("1", "T2", "1_T201"),
        ("2", "T1", "2_T101"),
    ]
    each = find(tmp_path, repetitions="each", contrasts=["FLAIR"])
    assert [(v.subject, v.scan) for v in each] == [("1", "rep-01"), ("1", "rep-02")]


def test_the_average_of_repetitions_has_less_noise_than_the_first(tmp_path):
    for repetition in range(1, 5):
        write_m4raw(tmp_path, f"7_T10{repetition}", noise=0.1)
    clean = read(tmp_path / "7_T101.h5")  # one file is an input, too
    write_m4raw(tmp_path / "clean", "7_T101")
    truth = read(tmp_path / "clean", coils="keep").image
    first, mean = (
        np.linalg.norm(read(f"{tmp_path}/*.h5", coils="keep", repetitions=r).image - truth)
        for r in ("first", "average")
    )
    assert mean == pytest.approx(first / 2, rel=0.1)  # √4
    assert clean.attributes["repetitions"] == 1


def test_a_repetition_twice_and_repetitions_of_other_sizes_are_told(tmp_path):
    write_m4raw(tmp_path / "a", "1_T101")
    write_m4raw(tmp_path / "b", "1_T101")
    problem, _ = find(tmp_path)
    assert isinstance(problem, UnusableVolume)
    assert "is the same repetition as" in str(problem)
    write_kspace(tmp_path / "a/1_T102.h5", np.ones((6, 4, 16, 32)))
    source = M4RawSource(str(tmp_path / "a"), repetitions="average")
    with pytest.raises(UnusableVolume, match="repetitions differ"):
        source.read(next(source.find()))


def test_a_wrong_folder_and_broken_files_are_one_line(tmp_path):
    write_kspace(tmp_path / "other.h5", np.ones((2, 4, 8, 8)))
    with pytest.raises(DataLayoutError, match=r"no file is named like 2022061003_T101\.h5"):
        find(tmp_path)
    (tmp_path / "1_T101.h5").write_bytes(b"nothing")
    with pytest.raises(UnusableVolume, match="not a readable HDF5 file"):
        read(tmp_path)
    write_kspace(tmp_path / "1_T101.h5", np.ones((6, 4, 32, 32)), mask=np.ones(32))
    with pytest.raises(UnusableVolume, match="undersampled"):
        read(tmp_path)


def test_all_config_problems_come_together():
    with pytest.raises(ConfigErrors) as caught:
        M4RawSource("x", ["T1ce"], "al", "frist")
    assert len(caught.value.problems) == 3
    assert "Did you mean 'first'?" in str(caught.value)
